{# Values per experiment, unit, fact and day from exposure (day_offset; NULL when untimed), v_k of slot k; one row
   for sums and one for distinct values. Days before and after the exposure day come from the fact, the exposure
   day itself from `experiment_first_days`. Rows are those within the longest window of the fact. The calling
   model offers the CTEs `exposures` (scanned_exposures) and `windows`. #}
{% macro unit_days() -%}
    {%- set slots = range(1, var('max_slots') + 1) -%}
    {%- set offset = causalops.days_between('exposures.exposure_day', 'fact_days.day') %}
    select
        exposures.experiment_id,
        exposures.unit_id,
        fact_days.fact,
        cast({{ offset }} as {{ dbt.type_int() }}) as day_offset,
        fact_days.n_nonfinite
        {%- for slot in slots %},
        fact_days.v_{{ slot }}
        {%- endfor %}
    from {{ ref('causalops', 'experiment_fact_days') }} as fact_days
    inner join exposures
        on exposures.unit_id = fact_days.unit_id
        and exposures.unit = fact_days.unit
    inner join windows
        on windows.experiment_id = exposures.experiment_id
        and windows.fact = fact_days.fact
        and windows.source_key = fact_days.source_key
    where fact_days.day is null
        or (
            fact_days.day <= exposures.as_of_date
            and (
                exposures.exposure_day is null
                or {{ offset }} between -windows.longest_pre and -1
                or {{ offset }} between 1 and windows.last_day
                or (windows.is_open and {{ offset }} between 1 and exposures.open_to)
            )
        )

    union all

    select
        exposures.experiment_id,
        exposures.unit_id,
        first_days.fact,
        0 as day_offset,
        first_days.n_nonfinite
        {%- for slot in slots %},
        first_days.v_{{ slot }}
        {%- endfor %}
    from {{ ref('causalops', 'experiment_first_days') }} as first_days
    inner join exposures
        on exposures.experiment_id = first_days.experiment_id
        and exposures.unit_id = first_days.unit_id
        and exposures.exposure_day = first_days.day
    inner join windows
        on windows.experiment_id = exposures.experiment_id
        and windows.first_days_key = first_days.source_key
        and (windows.last_day >= 0 or (windows.is_open and exposures.open_to >= 0))

    union all

    select
        experiment_id,
        unit_id,
        fact,
        day_offset,
        0 as n_nonfinite
        {%- for slot in slots %},
        v_{{ slot }}
        {%- endfor %}
    from {{ ref('causalops', 'experiment_distinct_days') }}
{%- endmacro %}
