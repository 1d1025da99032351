-- grain: experiment_id, unit_id, fact, day_offset. metrics that count distinct values only: a value counts on the
-- first day it appears in the window of its unit, so these do not add up from days of the fact, and the facts
-- that have such a metric are scanned once more.
{%- set registry = ref('causalops', 'registry') -%}
{%- set slots = causalops.slots_read(causalops.facts_read(registry)) %}
{%- for name in causalops.input_models(['fact_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

windows as (
    select * from {{ ref('causalops', 'experiment_windows') }}
),

exposures as (
    {{ causalops.scanned_exposures() }}
),

distinct_days as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as fact,
        cast(null as {{ dbt.type_int() }}) as day_offset
        {%- for slot in slots %},
        cast(null as {{ causalops.type_double() }}) as v_{{ slot }}
        {%- endfor %}
    where 1 = 0
    {%- for source in causalops.facts_with(registry, 'agg', 'distinct') %}
    union all
    {{ causalops.distinct_days_branch(source, slots) }}
    {%- endfor %}
)

select * from distinct_days
