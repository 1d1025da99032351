-- grain: experiment_id, unit_id. the units of an encouragement that received the treatment: any row of the
-- assignment log up to as_of_date says so, or the metric that stands for it is true in its window.
{%- set slots = range(1, var('max_slots') + 1) %}

with

exposures as (
    select *
    from ({{ causalops.scanned_exposures() }}) as scanned
    where experiment_id in (select experiment_id from {{ ref('causalops', 'experiment_due') }} where design = 'encouragement')
),

windows as (
    select * from {{ ref('causalops', 'experiment_windows') }}
),

unit_days as (
    {{ causalops.unit_days() }}
),

metrics as (
    select experiment_id, input_model as fact, slot, day_from, day_to
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'received'
),

by_log as (
    select experiment_id, unit_id
    from exposures
    where log_received
        and experiment_id not in (select experiment_id from metrics)
),

by_metric as (
    select distinct exposures.experiment_id, exposures.unit_id
    from unit_days
    inner join metrics
        on metrics.experiment_id = unit_days.experiment_id
        and metrics.fact = unit_days.fact
    inner join exposures
        on exposures.experiment_id = unit_days.experiment_id
        and exposures.unit_id = unit_days.unit_id
    where (
            unit_days.day_offset is null
            or unit_days.day_offset between metrics.day_from and coalesce(metrics.day_to, exposures.open_to)
        )
        and case metrics.slot
            {%- for slot in slots %}
            when {{ slot }} then unit_days.v_{{ slot }}
            {%- endfor %}
        end > 0
)

select experiment_id, unit_id from by_log
union all
select experiment_id, unit_id from by_metric
