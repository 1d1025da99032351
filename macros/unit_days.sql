{# The CTEs days_1, days_2, ..., one per fact: values per experiment, unit and day from exposure (day_offset; NULL
   when untimed), v_k of slot k, within the longest window of the fact. The calling model offers the CTE `exposures`
   (scanned_exposures); its columns and those of the fact's windows are carried along. #}
{% macro unit_day_ctes(facts) -%}
    {%- set slots = causalops.slots_read(facts) -%}
    {%- for fact in facts %}
placed_{{ loop.index }} as (
    select
        exposures.*,
        windows.source_key,
        windows.first_days_key,
        windows.last_day,
        windows.is_open,
        windows.longest_pre
        {%- for slot in fact.rules %},
        windows.from_{{ slot }},
        windows.to_{{ slot }},
        windows.pre_{{ slot }}
        {%- endfor %}
    from exposures
    inner join {{ ref('causalops', 'experiment_windows') }} as windows
        on windows.experiment_id = exposures.experiment_id
        and windows.fact = {{ causalops.text_literal(fact.name) }}
),

days_{{ loop.index }} as (
    {{ causalops.unit_days(fact, slots, 'placed_' ~ loop.index) }}
),
    {%- endfor %}
{%- endmacro %}

{# Days before and after the exposure day come from the fact, the exposure day itself from `experiment_first_days`;
   counts of distinct values are rows of their own. #}
{% macro unit_days(fact, slots, placed) -%}
    {%- set name = causalops.text_literal(fact.name) -%}
    {%- set offset = causalops.days_between('placed.exposure_day', 'fact_days.day') %}
    select
        placed.*,
        {{ name }} as fact,
        cast({{ offset }} as {{ dbt.type_int() }}) as day_offset,
        fact_days.n_nonfinite,
        {{ causalops.slot_columns('fact_days', slots) }}
    from {{ ref('causalops', 'experiment_fact_days') }} as fact_days
    inner join {{ placed }} as placed
        on placed.unit_id = fact_days.unit_id
        and placed.source_key = fact_days.source_key
    where fact_days.day is null
        or (
            fact_days.day <= placed.as_of_date
            and (
                placed.exposure_day is null
                or {{ offset }} between -placed.longest_pre and -1
                or {{ offset }} between 1 and placed.last_day
                or (placed.is_open and {{ offset }} between 1 and placed.open_to)
            )
        )
    union all
    select
        placed.*,
        {{ name }},
        0,
        first_days.n_nonfinite,
        {{ causalops.slot_columns('first_days', slots) }}
    from {{ ref('causalops', 'experiment_first_days') }} as first_days
    inner join {{ placed }} as placed
        on placed.unit_id = first_days.unit_id
        and placed.exposure_day = first_days.day
        and placed.first_days_key = first_days.source_key
        and (placed.last_day >= 0 or (placed.is_open and placed.open_to >= 0))
    {%- if fact.is_distinct %}
    union all
    select
        placed.*,
        {{ name }},
        distinct_days.day_offset,
        0,
        {{ causalops.slot_columns('distinct_days', slots) }}
    from {{ ref('causalops', 'experiment_distinct_days') }} as distinct_days
    inner join {{ placed }} as placed
        on placed.experiment_id = distinct_days.experiment_id
        and placed.unit_id = distinct_days.unit_id
    where distinct_days.fact = {{ name }}
    {%- endif %}
{%- endmacro %}
