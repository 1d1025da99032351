{# The path of every unit of a panel less its own mean, and the sums of complete units by cohort and by cluster. #}
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
