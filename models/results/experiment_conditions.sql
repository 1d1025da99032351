-- grain: experiment_id, variant, side (ship_if, do_not_ship_if), metric. private: what decides about an arm, and
-- what came, for the current version. A side that the experiment's `decision` leaves out has the default rule:
-- ship when every primary metric is better and no guardrail is worse or unclear; do not ship when one of them is worse.
-- Rules live in the file: a version is judged only while the file is the one it was computed from.
{{ config(materialized='view') }}

with

registry as (
    select * from {{ ref('causalops', 'registry').render() }} where row_kind = 'decision'
),

declared as (
    select distinct experiment_id, name as side from registry
),

sides as (
    select 'ship_if' as side
    union all
    select 'do_not_ship_if' as side
),

found as (
    select
        headlines.*,
        {{ causalops.verdict_finding('headlines') }} as finding,
        headlines.status <> 'blocked' and (
            headlines.verdict = 'too_early'
            or (versions.phase <> 'complete' and coalesce(headlines.verdict, 'not_evaluated') = 'not_evaluated')
        ) as is_early
    from {{ ref('causalops', 'experiment_headlines').render() }} as headlines
    inner join {{ ref('causalops', 'experiment_versions').render() }} as versions
        on versions.experiment_id = headlines.experiment_id
        and versions.version = headlines.version
    inner join {{ ref('causalops', 'registry').render() }} as experiments
        on experiments.row_kind = 'experiment'
        and experiments.experiment_id = headlines.experiment_id
        and experiments.analysis_hash = versions.analysis_hash
    where headlines.is_current and headlines.design <> 'aa_test'
),

conditions as (
    select
        found.experiment_id,
        found.variant,
        registry.name as side,
        found.metric,
        found.finding,
        -- The payload is a JSON list of verdicts, each between quotes.
        coalesce(registry.payload like '%"' || found.verdict || '"%', false) as is_met,
        found.is_early,
        true as is_needed
    from found
    inner join registry
        on registry.experiment_id = found.experiment_id
        and registry.metric = found.metric
    union all
    select
        found.experiment_id,
        found.variant,
        sides.side,
        found.metric,
        found.finding,
        case
            when sides.side = 'do_not_ship_if' then coalesce(found.verdict = 'worse', false)
            when found.metric_role = 'primary' then coalesce(found.verdict = 'better', false)
            else coalesce(
                found.verdict in ('better', 'not_worse')
                or (found.verdict = 'no_difference_found' and not found.has_margin), false
            )
        end as is_met,
        found.is_early and found.metric_role = 'primary' as is_early,
        sides.side = 'ship_if' and found.metric_role = 'primary' as is_needed
    from found
    cross join sides
    left join declared
        on declared.experiment_id = found.experiment_id
        and declared.side = sides.side
    where declared.side is null
        and found.metric_role in ('primary', 'guardrail')
)

select * from conditions
