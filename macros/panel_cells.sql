{# Repeated cross-sections: every row is a path of one period, less the level of all. #}
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
