-- grain: experiment_id. an exact, order-free digest of the rows an experiment reads up to its
-- as_of_date: integers only, since parallel sums of floats differ in their last bits on every run.
{%- set slots = range(1, var('max_slots') + 1) %}

with

snapshots as (
    select
        experiments.*,
        published.as_of_date as previous_as_of
    from {{ ref('causalops', 'experiment_as_of') }} as experiments
    left join {{ ref('causalops', 'experiment_published') }} as published
        on published.experiment_id = experiments.experiment_id
        and published.recency = 1
),

-- Slot 0 stands for the assignment rows, the others for the measures of a fact.
parts_read as (
    select experiment_id, assignment_model as input_model, 0 as slot
    from snapshots
    union all
    select experiment_id, input_model, slot
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'window'
),

days_read as (
    select
        snapshots.experiment_id,
        parts_read.input_model,
        parts_read.slot,
        clock.n_rows,
        clock.n_unread_rows,
        clock.day,
        not clock.is_timed or coalesce(clock.day <= snapshots.as_of_date, false) as is_read,
        not clock.is_timed or coalesce(clock.day <= snapshots.previous_as_of, false) as is_before_previous,
        case parts_read.slot
            when 0 then clock.hash_0
            {%- for slot in slots %}
            when {{ slot }} then clock.hash_{{ slot }}
            {%- endfor %}
        end as row_hash
    from snapshots
    inner join parts_read
        on parts_read.experiment_id = snapshots.experiment_id
    inner join {{ ref('causalops', 'experiment_clock') }} as clock
        on clock.is_current
        and clock.input_model = parts_read.input_model
        and clock.unit = case when clock.role = 'dataset' then snapshots.experiment_id else snapshots.unit end
        and (parts_read.slot > 0) = (clock.role = 'fact')
        and (parts_read.slot > 0 or snapshots.assignment_key is null or clock.assignment_key = snapshots.assignment_key)
    -- Exposures of any day before count: who was exposed earlier is not enrolled now.
    where not clock.is_timed
        or parts_read.slot = 0
        or snapshots.start_date is null
        or clock.day >= {{ dbt.dateadd('day', '-snapshots.max_pre_days', 'snapshots.start_date') }}
),

parts as (
    select
        experiment_id,
        input_model,
        slot,
        sum(case when is_read then n_rows else 0 end) as n_rows,
        sum(case when is_read then row_hash end) as row_hash,
        sum(case when is_before_previous then n_rows else 0 end) as n_rows_to_previous,
        sum(case when is_read and n_unread_rows > 0 then n_unread_rows else 0 end) as n_unread_rows,
        sum(case when day > {{ causalops.run_day() }} then n_rows else 0 end) as n_future_rows
    from days_read
    group by experiment_id, input_model, slot
),

digests as (
    select
        parts.*,
        -- Without the slot's number: it moves when another experiment asks for another measure.
        input_model || ':'
            || cast(n_rows as {{ dbt.type_string() }}) || ':'
            || coalesce(cast(row_hash as {{ dbt.type_string() }}), '') as digest,
        row_number() over (partition by experiment_id, input_model order by slot) = 1 as is_first_slot
    from parts
)

select
    experiment_id,
    md5({{ dbt.listagg('digest', "'|'", 'order by digest') }}) as data_fingerprint,
    cast(sum(case when is_first_slot then n_rows else 0 end) as {{ dbt.type_bigint() }}) as n_input_rows,
    cast(sum(case when is_first_slot then n_rows_to_previous else 0 end) as {{ dbt.type_bigint() }}) as n_rows_to_previous,
    cast(sum(case when is_first_slot then n_unread_rows else 0 end) as {{ dbt.type_bigint() }}) as n_unread_rows,
    cast(sum(case when is_first_slot then n_future_rows else 0 end) as {{ dbt.type_bigint() }}) as n_future_rows
from digests
group by experiment_id
