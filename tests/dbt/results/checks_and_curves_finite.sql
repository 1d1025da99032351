-- NULL, never NaN or infinity.
{{ causalops.not_finite(ref('causalops', 'experiment_checks_history'), [
    'cutoff', 'statistic', 'df', 'p_value', 'p_adjusted', 'value', 'threshold',
]) }}
union all
{{ causalops.not_finite(ref('causalops', 'experiment_curves_history'), ['x', 'y', 'y_low', 'y_high']) }}
