-- grain: experiment_id, unit_id, fact, day_offset (days from exposure; NULL when untimed). one scan per
-- fact serves every experiment and metric: v_k adds up (or, for flags, is the maximum) over the day's
-- events of slot k. Events between midnight and the exposure belong to no window.
{%- set registry = ref('causalops', 'registry') -%}
{%- set slots = range(1, var('max_slots') + 1) %}
{%- for name in causalops.input_models(['fact_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

due as (
    select due.*, registry.unit
    from {{ ref('causalops', 'experiment_due') }} as due
    inner join {{ registry }} as registry
        on registry.row_kind = 'experiment'
        and registry.experiment_id = due.experiment_id
    where due.is_due
),

windows as (
    select * from {{ ref('causalops', 'experiment_windows') }}
),

exposures as (
    {{ causalops.scanned_exposures(ref('causalops', 'experiment_exposures')) }}
),

unit_days as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as fact,
        cast(null as {{ dbt.type_int() }}) as day_offset,
        cast(null as {{ dbt.type_bigint() }}) as n_nonfinite
        {%- for slot in slots %},
        cast(null as {{ causalops.type_double() }}) as v_{{ slot }}
        {%- endfor %}
    where 1 = 0
    {%- for source in causalops.registry_rows(registry, 'fact') %}
    union all
    {{ causalops.unit_days_branch(source, slots) }}
    {%- endfor %}
)

select * from unit_days
