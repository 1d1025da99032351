-- One row per key; the key is complete.
{%- set key = [
    'experiment_id', 'as_of_date', 'version', 'analysis', 'check_name', 'metric', 'variant', 'baseline', 'population',
    'segment_dim', 'segment_value', 'covariate', 'donor',
] %}
{{ causalops.broken_key(ref('causalops', 'experiment_checks'), key, nullable=['day', 'cutoff']) }}
union all
{{ causalops.broken_key(ref('causalops', 'experiment_checks_history'), key, nullable=['day', 'cutoff']) }}
