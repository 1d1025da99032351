-- grain: role, input_model, unit, assignment_key, day. one scan per input model: how many rows each local
-- day holds and an order-free integer hash of the columns that experiments read (hash_0 for the rows
-- of an assignment model, hash_<slot> for the measures of a fact). The unit of a dataset is the experiment
-- that reads it, as each reads columns of its own. Says how far the data reach and
-- whether they changed. Models that no open experiment reads are not scanned.
{%- set registry = ref('causalops', 'registry') -%}
{%- set slots = range(1, var('max_slots') + 1) %}
{%- for name in causalops.input_models(['assignment_models', 'fact_models', 'dataset_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

open_inputs as (
    select distinct inputs.input_model
    from {{ registry }} as inputs
    left join {{ ref('causalops', 'experiment_published') }} as published
        on published.experiment_id = inputs.experiment_id
        and published.recency = 1
    where inputs.row_kind = 'input'
        and not coalesce(published.is_closed, false)
),

input_days as (
    select
        cast(null as {{ dbt.type_string() }}) as role,
        cast(null as {{ dbt.type_string() }}) as input_model,
        cast(null as {{ dbt.type_string() }}) as unit,
        cast(null as boolean) as is_timed,
        cast(null as {{ dbt.type_string() }}) as assignment_key,
        cast(null as date) as day,
        cast(null as {{ dbt.type_bigint() }}) as n_rows,
        cast(null as {{ causalops.type_wide_integer() }}) as hash_0
        {%- for slot in slots %},
        cast(null as {{ causalops.type_wide_integer() }}) as hash_{{ slot }}
        {%- endfor %}
    where 1 = 0
    {%- for role in ['assignment', 'fact', 'dataset'] %}
    {%- for source in causalops.registry_rows(registry, role) if role != 'dataset' or source.payload.hashed %}
    union all
    {{ causalops.clock_branch(role, source, slots) }}
    {%- endfor %}
    {%- endfor %}
)

select * from input_days
