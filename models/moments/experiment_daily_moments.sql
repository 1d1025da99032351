-- grain: experiment_id, metric, day_kind, day or day_offset, variant, a, b. 'cohort': units by the day
-- of their exposure, whose running sum is the cumulative effect. 'offset': what the metric's mature
-- units did on each day after exposure, one fixed set of units, so that composition is not novelty.

with

cohorts as (
    {{ causalops.summed_pairs(
        '(select * from ' ~ ref('causalops', 'experiment_cell_moments') ~ " where analysis = 'main' and not is_crossover and exposure_day is not null) as cells",
        ['experiment_id', 'metric', 'exposure_day', 'variant', 'a', 'b']
    ) }}
),

offsets as (
    select * from {{ ref('causalops', 'experiment_offset_moments') }}
)

select
    experiment_id,
    metric,
    'cohort' as day_kind,
    exposure_day as day,
    cast(null as {{ dbt.type_int() }}) as day_offset,
    variant,
    a,
    b,
    {{ causalops.centred_pair() }}
from cohorts
where n > 0

union all

select
    experiment_id,
    metric,
    'offset' as day_kind,
    cast(null as date) as day,
    day_offset,
    variant,
    a,
    b,
    {{ causalops.centred_pair() }}
from offsets
where n > 0
