-- grain: experiment_id, version, metric, variant. private: one line per headline of a committed version,
-- the absolute effect and its lift side by side, for the scorecards and the catalog.
{{ config(materialized='view') }}

with

estimates as (
    select *
    from {{ ref('causalops', 'experiment_committed_results').render() }}
    where row_kind = 'estimate' and analysis = 'main'
),

checks as (
    select
        experiment_id,
        version,
        sum(case when status = 'fail' then 1 else 0 end) as checks_failed
    from {{ ref('causalops', 'experiment_committed_results').render() }}
    where row_kind = 'check'
    group by experiment_id, version
),

margins as (
    select distinct experiment_id, version, metric, variant, baseline
    from estimates
    where test = 'non_inferiority'
)

select
    effects.experiment_id,
    effects.design,
    effects.metric,
    effects.metric_role,
    effects.desired,
    effects.variant,
    effects.baseline,
    effects.n_variant,
    effects.n_baseline,
    effects.mean_variant,
    effects.mean_baseline,
    effects.estimate as effect,
    effects.ci_low as effect_low,
    effects.ci_high as effect_high,
    lifts.estimate as lift,
    lifts.ci_low as lift_low,
    lifts.ci_high as lift_high,
    effects.p_adjusted,
    effects.verdict,
    effects.status,
    effects.reason_code,
    effects.message,
    effects.method,
    cast(coalesce(checks.checks_failed, 0) as {{ dbt.type_int() }}) as checks_failed,
    effects.as_of_date,
    effects.version,
    effects.is_current,
    margins.experiment_id is not null as has_margin
from estimates as effects
left join estimates as lifts
    on lifts.experiment_id = effects.experiment_id
    and lifts.version = effects.version
    and lifts.metric = effects.metric
    and lifts.variant = effects.variant
    and lifts.baseline = effects.baseline
    and lifts.is_headline
    and lifts.scale = 'relative'
left join checks
    on checks.experiment_id = effects.experiment_id
    and checks.version = effects.version
left join margins
    on margins.experiment_id = effects.experiment_id
    and margins.version = effects.version
    and margins.metric = effects.metric
    and margins.variant = effects.variant
    and margins.baseline = effects.baseline
where effects.is_headline and effects.scale = 'absolute'
