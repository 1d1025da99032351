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

{% macro panel_paths(key, shape) -%}
    {%- set periods = shape.payload.periods -%}
    {%- set t = range(1, periods | length + 1) -%}
    {#- Paths sum to zero: the last period follows from the others. #}
    {%- set steps = range(1, periods | length) %}
{{ key }}_units as (
    select
        unit_id,
        {{ 'min(cluster_id)' if shape.payload.source.cluster else 'cast(null as ' ~ dbt.type_string() ~ ')' }} as cluster_id,
        {{ 'case when min(cluster_id) < max(cluster_id) then 1 else 0 end' if shape.payload.source.cluster else '0' }} as is_moved,
        count(y_1) as n_values,
        {%- if shape.payload.source.treated_from %}
        max(treated_from) as treated_from,
        min(treated_from) as least_treated_from,
        {%- else %}
        min(case when is_on = 1 then period end) as treated_from,
        max(case when is_on = 0 then period end) as last_untreated,
        {%- endif %}
        {%- for i in t %}
        sum(case when period = {{ causalops.time_literal(shape.payload.source.time, periods[i - 1]) }} then y_1 end) as y_{{ i }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ key }}_rows
    group by unit_id
),

{{ key }}_levels as (
    select
        units.*,
        ({% for i in t %}y_{{ i }}{{ ' + ' if not loop.last }}{% endfor %}) / {{ t | length }} as level,
        {{ causalops.first_treated_period(periods) }} as start
    from {{ key }}_units as units
),

{{ key }}_paths as (
    select
        unit_id,
        cluster_id,
        is_moved,
        n_values,
        start,
        case
            when level is not null then {{ t | length }}
            else {% for i in t %}case when y_{{ i }} is null then 0 else 1 end{{ ' + ' if not loop.last }}{% endfor %}
        end as n_present,
        level is not null and coalesce(start > {{ causalops.double_literal(periods[0]) }}, true) as is_kept,
        {%- if shape.payload.source.treated_from %}
        case when least_treated_from < treated_from then 1 else 0 end as is_switched,
        {%- else %}
        case when treated_from < last_untreated then 1 else 0 end as is_switched,
        {%- endif %}
        {%- for i in steps %}
        y_{{ i }} - level as u_{{ i }},
        {%- endfor %}
        level
    from {{ key }}_levels
),

{{ key }}_cohorts as (
    select
        start,
        is_kept,
        count(*) as n,
        count(level) as n_complete,
        count(case when n_values > 0 then 1 end) as n_units,
        sum(n_values) as n_values,
        sum(n_present) as n_present,
        sum(is_switched) as n_switched_off,
        sum(is_moved) as n_moved,
        {%- for i in steps %}
        sum(u_{{ i }}) as u_{{ i }},
        {%- for j in range(i, t | length) %}
        sum(u_{{ i }} * u_{{ j }}) as s_{{ i }}_{{ j }},
        {%- endfor %}
        {%- endfor %}
        sum(level) as level
    from {{ key }}_paths
    group by start, is_kept
),

{{ key }}_tally as (
    select
        {{ shape.payload.n_rows }} as n_rows,
        {{ shape.payload.n_rows }} - sum(n_values) as n_incomplete_rows,
        sum(n_units) as n_units,
        sum(n_complete) as n_complete,
        sum(n_values - n_present) as n_duplicates,
        sum(n_switched_off) as n_switched_off,
        sum(case when is_kept then 0 else n_complete end) as n_always_treated,
        sum(case when is_kept then n_moved else 0 end) as n_moved
    from {{ key }}_cohorts
),

{%- set by = causalops.panel_groups(shape) %}
{%- if by %}

{{ key }}_clusters as (
    select
        cast({{ by }} as {{ dbt.type_string() }}) as cluster_id,
        start,
        {%- for i in steps %}
        sum(u_{{ i }}) as u_{{ i }},
        {%- endfor %}
        count(*) as n
    from {{ key }}_paths
    where is_kept
    group by {{ by }}, start
),
{%- endif %}
{%- endmacro %}

{# What the sums by cluster are taken over: the cluster that is named; else, where a single unit is treated, the
   units, since its rank among the others is all there is; else nothing. #}
{% macro panel_groups(shape) -%}
    {%- set lone = 'unit_id' if shape.payload.n_treated == 1 else none -%}
    {{ return('cluster_id' if shape.payload.source.cluster else lone) }}
{%- endmacro %}

{% macro panel_cells(key, shape) -%}
    {%- set periods = shape.payload.periods %}
{{ key }}_shifts as (
    select avg(y_1) as shift from {{ key }}_rows
),

{{ key }}_starts as (
    select min(case when is_on = 1 then period end) as start from {{ key }}_rows
),

{{ key }}_placed as (
    select
        cluster_id,
        {% if shape.payload.source.treated_from %}treated_from{% else %}case when is_treated = 1 then starts.start end{% endif %} as treated_from,
        case period {% for period in periods %}when {{ causalops.time_literal(shape.payload.source.time, period) }} then {{ loop.index }} {% endfor %}end as i,
        y_1 - shifts.shift as u,
        case when is_on = 0 and is_treated = 1 and period > starts.start then 1 else 0 end as is_off
    from {{ key }}_rows as held
    cross join {{ key }}_starts as starts
    cross join {{ key }}_shifts as shifts
),

{{ key }}_kept as (
    select *
    from (select placed.*, {{ causalops.first_treated_period(periods) }} as start from {{ key }}_placed as placed) as dated
    where coalesce(start > {{ causalops.double_literal(periods[0]) }}, true)
),

{{ key }}_tally as (
    select
        {{ shape.payload.n_rows }} as n_rows,
        {{ shape.payload.n_rows }} - placed_rows.n_units as n_incomplete_rows,
        placed_rows.n_units,
        placed_rows.n_units as n_complete,
        0 as n_duplicates,
        placed_rows.n_switched_off,
        placed_rows.n_units - kept_rows.n as n_always_treated,
        0 as n_moved
    from (select count(*) as n_units, sum(is_off) as n_switched_off from {{ key }}_placed) as placed_rows
    cross join (select count(*) as n from {{ key }}_kept) as kept_rows
),
{%- endmacro %}

{# The first period at or after `treated_from`, NULL when there is none. #}
{% macro first_treated_period(periods) -%}
    case {% for period in periods %}when treated_from <= {{ causalops.double_literal(period) }} then {{ causalops.double_literal(period) }} {% endfor %}end
{%- endmacro %}

{# A point in time in the type of its column: whole numbers are compared and hashed faster. #}
{% macro time_literal(stamp, value) -%}
    {%- if stamp and stamp.is_integer -%}cast({{ value | int }} as {{ dbt.type_bigint() }})
    {%- else -%}{{ causalops.double_literal(value) }}{%- endif -%}
{%- endmacro %}

{% macro double_literal(value) -%}
    cast({{ causalops.text_literal(value) }} as {{ causalops.type_double() }})
{%- endmacro %}
