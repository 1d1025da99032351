-- One row per key, and a row_id per version; the key is complete.
{%- set key = [
    'experiment_id', 'as_of_date', 'version', 'analysis', 'metric', 'estimand', 'method', 'term', 'cohort', 'period',
    'parameter_name', 'variant', 'baseline', 'segment_dim', 'segment_value', 'population', 'window_kind', 'scale',
    'test', 'ci_kind',
] %}
{%- set current = ref('causalops', 'experiment_estimates') %}
{%- set history = ref('causalops', 'experiment_estimates_history') %}
{{ causalops.broken_key(current, key, nullable=['parameter', 'window_start', 'window_end', 'ci_level']) }}
union all
{{ causalops.broken_key(history, key, nullable=['parameter', 'window_start', 'window_end', 'ci_level']) }}
union all
{{ causalops.broken_key(history, ['experiment_id', 'version', 'row_id']) }}
