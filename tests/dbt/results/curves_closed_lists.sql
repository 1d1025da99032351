-- Words of the closed lists only.
{{ causalops.unlisted_words(ref('causalops', 'experiment_curves_history'), {
    'band_kind': ['none', 'pointwise', 'uniform', 'sequential'],
}) }}
