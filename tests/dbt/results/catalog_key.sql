-- One row per experiment.
{{ causalops.broken_key(ref('causalops', 'experiment_catalog'), ['experiment_id']) }}
