{# The CTEs of one metric of one panel, their names beginning with `key`: its rows; then the path of every
   unit less its own mean, and the sums of complete units by cohort; or, where
   no unit is named, the cells of repeated cross-sections. #}
{% macro panel_ctes(key, shape, metric) -%}
    {%- set source = {'payload': shape.payload.source, 'input_model': shape.input_model} %}
{{ key }}_rows as (
    {# Never is later than any time. #}
    select unit_id, cluster_id, period, coalesce(treated_from, {{ causalops.time_literal(shape.payload.source.treated_from, 1e15) }}) as treated_from, is_treated, is_on, y_1
    from ({{ causalops.panel_rows(source, [metric], is_due=true) }}) as held
    where is_placed{{ '' if shape.payload.source.unit else ' and y_1 is not null' }}
),
    {%- if shape.payload.source.unit %}
{{ causalops.panel_paths(key, shape) }}
    {%- else %}
{{ causalops.panel_cells(key, shape) }}
    {%- endif %}
{%- endmacro %}
