-- grain: group_id (experiment_quantile_groups), unit_id. the mature units of each group of a metric of events,
-- with the fact and slot of these events.

with

segments as (
    select experiment_id, name, slot from {{ ref('causalops', 'registry') }} where row_kind = 'segment'
),

metrics as (
    select *
    from ({{ causalops.requested_quantiles() }}) as requested
    where position = 1 and level = 'event'
),

units as (
    select metrics.analysis, metrics.metric, metrics.fact, metrics.slot, exposures.*
    from metrics
    inner join {{ ref('causalops', 'experiment_exposures') }} as exposures
        on exposures.experiment_id = metrics.experiment_id
        and (exposures.exposure_day <= metrics.mature_through or metrics.mature_through is null)
    where exposures.exclusion_reason is null or exposures.exclusion_reason = 'crossover'
),

members as (
    {{ causalops.quantile_populations('units') }}
)

select
    quantile_groups.group_id,
    members.experiment_id,
    members.unit_id,
    members.fact,
    members.slot
from members
inner join {{ ref('causalops', 'experiment_quantile_groups') }} as quantile_groups
    on {{ causalops.same_columns('quantile_groups', 'members', causalops.quantile_key()) }}
