-- grain: experiment_id, for valid, running or stopped experiments that are not closed. how far the
-- data of each reach: the earliest last day over its timed inputs that are not sparse, capped by the
-- last day on which any of its windows can still change.
{%- set visible = causalops.last_visible_day() %}

with

registry as (
    select * from {{ ref('causalops', 'registry') }}
),

open_experiments as (
    select
        registry.*,
        cast({{ dbt.dateadd('day', 'registry.last_day_offset', 'registry.end_date') }} as date) as last_changing_day,
        -- A shorter configuration is published at the date of the version it replaces, not before it.
        case when {{ causalops.is_current_run() }} then published.as_of_date end as published_as_of
    from registry
    left join {{ ref('causalops', 'experiment_published') }} as published
        on published.experiment_id = registry.experiment_id
        and published.recency = 1
    where registry.row_kind = 'experiment'
        and registry.spec_status = 'valid'
        and registry.status in ('running', 'stopped')
        and not coalesce(published.is_closed, false)
),

reach as (
    select
        input_model,
        sum(n_rows) as n_rows,
        max(case when day <= {{ visible }} then day end) as last_day
    from {{ ref('causalops', 'experiment_clock') }}
    where is_current
    group by input_model
),

inputs as (
    select
        open_experiments.experiment_id,
        case when inputs.is_sparse then 1 else coalesce(reach.n_rows, 0) end as n_rows,
        case
            when not inputs.has_time or inputs.is_sparse then null
            -- Enrolment that is over no longer holds the clock: its log falls silent.
            when inputs.name = 'assignment' and (
                reach.last_day >= open_experiments.end_date
                or {{ dbt.dateadd('day', var('late_data_days'), 'open_experiments.end_date') }} < {{ visible }}
            ) then null
            when inputs.complete_through is not null then least(inputs.complete_through, {{ visible }})
            else coalesce(reach.last_day, cast('1900-01-01' as date))
        end as last_day
    from open_experiments
    inner join registry as inputs
        on inputs.row_kind = 'input'
        and inputs.experiment_id = open_experiments.experiment_id
    left join reach
        on reach.input_model = inputs.input_model
),

clocks as (
    select
        experiment_id,
        min(n_rows) > 0 as has_rows,
        coalesce(min(last_day), {{ visible }}) as last_day
    from inputs
    group by experiment_id
),

dated as (
    select
        open_experiments.*,
        clocks.has_rows,
        case
            -- Without any timestamp the run itself gives the date.
            when not open_experiments.has_time then {{ causalops.untimed_day() }}
            else least(
                clocks.last_day,
                greatest(
                    coalesce(open_experiments.last_changing_day, clocks.last_day),
                    coalesce(open_experiments.published_as_of, cast('1900-01-01' as date))
                )
            )
        end as as_of_date
    from open_experiments
    inner join clocks
        on clocks.experiment_id = open_experiments.experiment_id
)

select
    experiment_id,
    design,
    unit,
    has_time,
    start_date,
    end_date,
    max_pre_days,
    assignment_key,
    input_model as assignment_model,
    analysis_hash,
    method_version,
    protocol,
    as_of_date,
    case
        when not has_rows or as_of_date < coalesce(start_date, cast('1900-01-02' as date)) then 'no_data'
        when not has_time then 'complete'
        when end_date is null or as_of_date < end_date then 'enrolling'
        when as_of_date < last_changing_day then 'maturing'
        else 'complete'
    end as phase
from dated
