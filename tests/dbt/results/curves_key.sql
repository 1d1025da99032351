-- One row per key; the key is complete.
{%- set key = [
    'experiment_id', 'as_of_date', 'version', 'analysis', 'metric', 'curve', 'series', 'variant', 'baseline',
    'population', 'segment_dim', 'segment_value', 'seq',
] %}
{{ causalops.broken_key(ref('causalops', 'experiment_curves'), key) }}
union all
{{ causalops.broken_key(ref('causalops', 'experiment_curves_history'), key) }}
