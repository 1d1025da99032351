{# The CTEs of one metric of one panel, their names beginning with `key`: its rows; then the path of every
   unit less its own mean and the mean of each period, and the sums of complete units by cohort; or, where
   no unit is named, the cells of repeated cross-sections. #}
{% macro panel_ctes(key, shape, metric, index) -%}
    {%- set source = {'payload': shape.payload.source, 'input_model': shape.input_model} %}
{{ key }}_rows as (
    select held.*, held.is_placed and held.y_1 is not null as is_complete
    from ({{ causalops.panel_rows(source, [metric]) }}) as held
),
    {%- if shape.payload.source.unit %}
{{ causalops.panel_paths(key, shape, index) }}
    {%- else %}
{{ causalops.panel_cells(key, shape, index) }}
    {%- endif %}
{%- endmacro %}

{% macro panel_paths(key, shape, index) -%}
    {%- set periods = shape.payload.periods -%}
    {%- set t = range(1, periods | length + 1) %}
{{ key }}_units as (
    select
        unit_id,
        min(cluster_id) as cluster_id,
        count(*) as n_rows,
        {%- if shape.payload.source.treated_from %}
        min(treated_from) as treated_from,
        case when min(treated_from) < max(treated_from) or count(treated_from) not in (0, count(*)) then 1 else 0 end as is_switched,
        {%- else %}
        min(case when is_on = 1 then period end) as treated_from,
        case when min(case when is_on = 1 then period end) < max(case when is_on = 0 then period end) then 1 else 0 end as is_switched,
        {%- endif %}
        {%- for i in t %}
        sum(case when period = {{ causalops.double_literal(periods[i - 1]) }} then y_1 end)
            - {{ causalops.double_literal(shape.payload.centres[i - 1][index]) }} as y_{{ i }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ key }}_rows
    where is_complete
    group by unit_id
),

{{ key }}_levels as (
    select
        units.*,
        {% for i in t %}case when y_{{ i }} is null then 0 else 1 end{{ ' + ' if not loop.last }}{% endfor %} as n_present,
        ({% for i in t %}y_{{ i }}{{ ' + ' if not loop.last }}{% endfor %}) / {{ t | length }} as level,
        {{ causalops.first_treated_period(periods) }} as start
    from {{ key }}_units as units
),

{{ key }}_paths as (
    select
        unit_id,
        cluster_id,
        start,
        level,
        {%- for i in t %}
        y_{{ i }} - level as u_{{ i }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ key }}_levels
    where level is not null and coalesce(start > {{ causalops.double_literal(periods[0]) }}, true)
),

{{ key }}_cohorts as (
    select
        start,
        count(*) as n,
        sum(level) as level,
        {%- for i in t %}
        sum(u_{{ i }}) as u_{{ i }},
        {%- endfor %}
        {%- for i in t %}
        {%- for j in range(i, t | length + 1) %}
        sum(u_{{ i }} * u_{{ j }}) as s_{{ i }}_{{ j }}{{ ',' if not loop.last }}
        {%- endfor %}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ key }}_paths
    group by start
),

{# Units stand for clusters where only one is treated: its rank among the others is all there is. #}
{{ key }}_clusters as (
    {%- set by = 'cluster_id' if shape.payload.source.cluster else 'unit_id' %}
    select
        {{ by }} as cluster_id,
        start,
        count(*) as n,
        {%- for i in t %}
        sum(u_{{ i }}) as u_{{ i }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ key }}_paths
    {%- if not shape.payload.source.cluster %}
    where (select sum(n) from {{ key }}_cohorts where start is not null) = 1
    {%- endif %}
    group by {{ by }}, start
),
{%- endmacro %}

{% macro panel_cells(key, shape, index) -%}
    {%- set periods = shape.payload.periods %}
{{ key }}_starts as (
    select min(case when is_on = 1 then period end) as start from {{ key }}_rows where is_complete
),

{{ key }}_placed as (
    select
        cluster_id,
        {% if shape.payload.source.treated_from %}treated_from{% else %}case when is_treated = 1 then starts.start end{% endif %} as treated_from,
        case period {% for period in periods %}when {{ causalops.double_literal(period) }} then {{ loop.index }} {% endfor %}end as i,
        y_1 - case period {% for period in periods %}when {{ causalops.double_literal(period) }} then {{ causalops.double_literal(shape.payload.centres[loop.index0][index]) }} {% endfor %}end as u,
        case when is_on = 0 and is_treated = 1 and period > starts.start then 1 else 0 end as is_off
    from {{ key }}_rows as held
    cross join {{ key }}_starts as starts
    where is_complete
),

{{ key }}_kept as (
    select *
    from (select placed.*, {{ causalops.first_treated_period(periods) }} as start from {{ key }}_placed as placed) as dated
    where coalesce(start > {{ causalops.double_literal(periods[0]) }}, true)
),
{%- endmacro %}

{# The first period at or after `treated_from`, NULL when there is none. #}
{% macro first_treated_period(periods) -%}
    case {% for period in periods %}when treated_from <= {{ causalops.double_literal(period) }} then {{ causalops.double_literal(period) }} {% endfor %}end
{%- endmacro %}

{% macro double_literal(value) -%}
    cast({{ causalops.text_literal(value) }} as {{ causalops.type_double() }})
{%- endmacro %}
