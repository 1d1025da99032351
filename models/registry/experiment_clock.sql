-- grain: role, input_model, unit, assignment_key, day. one scan per input model: how many rows each local
-- day holds and an order-free integer hash of the columns that experiments read (hash_0 for the rows
-- of an assignment model, hash_<slot> for the measures of a fact). The unit of a dataset is the experiment
-- that reads it, as each reads columns of its own. Says how far the data reach and whether they changed.
-- A settled day keeps what was read when it settled, as the tables kept by day do; rows that came (or went, if
-- negative) since are counted in n_unread_rows. Models that no open experiment reads are not scanned.
{%- set registry = ref('causalops', 'registry') -%}
{%- set slots = range(0, var('max_slots') + 1) %}
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

mappings as (
    select
        row_kind as role,
        input_model,
        name as unit,
        late_data_days,
        {{ causalops.mapping_key() }} as mapping_key
    from {{ registry }}
    where row_kind in ('assignment', 'fact', 'dataset')
),

kept as (
    {{ causalops.previous_clock(slots) }}
),

settled as (
    select
        mappings.role,
        mappings.input_model,
        mappings.unit,
        mappings.mapping_key,
        coalesce(
            cast({{ dbt.dateadd('day', '-mappings.late_data_days', 'max(case when kept.is_complete then kept.day end)') }} as date),
            {{ causalops.first_date() }}
        ) as settled_through
    from mappings
    left join kept
        on kept.mapping_key = mappings.mapping_key
        and kept.role = mappings.role
    group by mappings.role, mappings.input_model, mappings.unit, mappings.mapping_key, mappings.late_data_days
),

found as (
    {{ causalops.columns_of(none, causalops.clock_columns(slots)) }}
    {%- for role in ['assignment', 'fact', 'dataset'] %}
    {%- for source in causalops.registry_rows(registry, role) if role != 'dataset' or source.payload.hashed %}
    union all
    {{ causalops.clock_branch(role, source, slots) }}
    {%- endfor %}
    {%- endfor %}
),

stacked as (
    select
        found.*,
        settled.mapping_key,
        true as is_current,
        coalesce(found.day < {{ causalops.run_day() }}, false) as is_complete,
        coalesce(found.day <= settled.settled_through, false) as is_settled,
        0 as n_kept
    from found
    inner join settled
        on settled.role = found.role
        and settled.input_model = found.input_model
        and settled.unit = found.unit
    union all
    select
        kept.role,
        kept.input_model,
        kept.unit,
        kept.is_timed,
        kept.assignment_key,
        kept.day,
        case when open_inputs.input_model is null then kept.n_rows else 0 end as n_rows,
        {%- for slot in slots %}
        kept.hash_{{ slot }},
        {%- endfor %}
        kept.mapping_key,
        settled.mapping_key is not null as is_current,
        kept.is_complete,
        true as is_settled,
        kept.n_rows as n_kept
    from kept
    left join settled
        on settled.mapping_key = kept.mapping_key
        and settled.role = kept.role
    left join open_inputs
        on open_inputs.input_model = kept.input_model
        and settled.mapping_key is not null
    -- What this run does not scan stays as it is, so that it agrees with the tables kept by day.
    where kept.day <= settled.settled_through
        or (settled.mapping_key is not null and open_inputs.input_model is null)
        {%- if var('causalops_only', []) %}
        or settled.mapping_key is null
        {%- endif %}
)

select
    mapping_key,
    role,
    input_model,
    unit,
    is_timed,
    is_current,
    is_complete,
    assignment_key,
    day,
    cast(sum(case when is_settled then n_kept else n_rows end) as {{ dbt.type_bigint() }}) as n_rows,
    cast(sum(case when is_settled then n_rows - n_kept else 0 end) as {{ dbt.type_bigint() }}) as n_unread_rows
    {%- for slot in slots %},
    cast(sum(hash_{{ slot }}) as {{ causalops.type_wide_integer() }}) as hash_{{ slot }}
    {%- endfor %}
from stacked
group by mapping_key, role, input_model, unit, is_timed, is_current, is_complete, assignment_key, day
