-- grain: experiment_id, analysis, metric, population, variant. how many units stand behind a metric,
-- how many are immature, missing, zero or capped, and how far a single unit dominates it.

with

metrics as (
    select * from {{ ref('causalops', 'experiment_metrics') }}
),

exposures as (
    select
        experiment_id,
        variant,
        exposure_day,
        is_triggered,
        is_crossover,
        count(*) as n_units
    from {{ ref('causalops', 'experiment_exposures') }}
    where exclusion_reason is null or exclusion_reason = 'crossover'
    group by experiment_id, variant, exposure_day, is_triggered, is_crossover
),

populations as (
    {{ causalops.populations('exposures') }}
),

counted as (
    select
        metrics.experiment_id,
        metrics.analysis,
        metrics.metric,
        populations.population,
        populations.variant,
        sum(case when {{ causalops.is_mature() }} then populations.n_units else 0 end) as n_units,
        sum(case when {{ causalops.is_mature() }} then 0 else populations.n_units end) as n_immature
    from metrics
    inner join populations
        on populations.experiment_id = metrics.experiment_id
    group by metrics.experiment_id, metrics.analysis, metrics.metric, populations.population, populations.variant
),

outcomes as (
    select * from {{ ref('causalops', 'experiment_cell_moments') }} where a = 'y' and b = 'y'
),

outcome_populations as (
    {{ causalops.populations('outcomes') }}
),

summed as (
    select
        experiment_id,
        analysis,
        metric,
        population,
        variant,
        sum(n) as n_present,
        sum(n_nonfinite) as n_nonfinite,
        sum(n_zero) as n_zero,
        sum(n_capped) as n_capped,
        sum(n_pre) as n_pre,
        min(case when n_zero > 0 and lowest is null then 0 when n_zero > 0 and lowest > 0 then 0 else lowest end) as y_min,
        max(case when n_zero > 0 and highest is null then 0 when n_zero > 0 and highest < 0 then 0 else highest end) as y_max,
        case when sum(n_zero) = sum(n) then 0.0 else sum(sum_a + n * shift_a) end as y_sum
    from outcome_populations
    group by experiment_id, analysis, metric, population, variant
)

select
    counted.experiment_id,
    counted.analysis,
    counted.metric,
    counted.population,
    counted.variant,
    cast(counted.n_units as {{ dbt.type_bigint() }}) as n_units,
    cast(counted.n_immature as {{ dbt.type_bigint() }}) as n_immature,
    cast(counted.n_units - coalesce(summed.n_present, 0) as {{ dbt.type_bigint() }}) as n_missing,
    cast(coalesce(summed.n_nonfinite, 0) as {{ dbt.type_bigint() }}) as n_nonfinite,
    cast(coalesce(summed.n_zero, 0) as {{ dbt.type_bigint() }}) as n_zero,
    cast(coalesce(summed.n_capped, 0) as {{ dbt.type_bigint() }}) as n_capped,
    cast(coalesce(summed.n_pre, 0) as {{ dbt.type_bigint() }}) as n_pre,
    summed.y_min,
    summed.y_max,
    summed.y_sum,
    greatest(abs(summed.y_min), abs(summed.y_max)) as top_unit
from counted
left join summed
    on summed.experiment_id = counted.experiment_id
    and summed.analysis = counted.analysis
    and summed.metric = counted.metric
    and summed.population = counted.population
    and summed.variant = counted.variant
