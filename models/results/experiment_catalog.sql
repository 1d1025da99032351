-- grain: experiment_id. every experiment of the project, and every one that has published versions: its spec,
-- where it stands, whether it can be trusted and what it says.
{{ config(materialized='view') }}

with

registry as (
    select * from {{ ref('causalops', 'registry').render() }} where row_kind = 'experiment'
),

due as (
    select * from {{ ref('causalops', 'experiment_due').render() }}
),

versions as (
    select * from {{ ref('causalops', 'experiment_versions').render() }}
),

health as (
    select * from {{ ref('causalops', 'experiment_health').render() }}
),

verdicts as (
    select * from {{ ref('causalops', 'experiment_verdicts').render() }}
),

known as (
    select experiment_id from registry
    union
    select experiment_id from health
),

catalog as (
    select
        known.experiment_id,
        coalesce(registry.design, versions.design) as design,
        registry.status,
        registry.spec_status,
        coalesce(
            due.phase,
            versions.phase,
            case when registry.spec_status = 'valid' and registry.status in ('running', 'stopped') then 'no_data' end
        ) as phase,
        case
            when registry.spec_status = 'invalid' then 'invalid'
            when registry.status = 'draft' then 'draft'
            else coalesce(health.health, 'no_data')
        end as health,
        case when health.blocked_reason is null then verdicts.verdict end as verdict,
        coalesce(
            health.blocked_reason,
            verdicts.verdict_reason,
            case
                when coalesce(registry.analysis_hash, '') <> versions.analysis_hash and coalesce(registry.design, versions.design) <> 'aa_test'
                    then 'The file is not the one this version was computed from: it is judged again with the next version.'
            end
        ) as verdict_reason,
        coalesce(health.checks_failed, 0) as checks_failed,
        coalesce(health.checks_warned, 0) as checks_warned,
        registry.owner,
        registry.hypothesis,
        registry.start_date,
        registry.end_date,
        health.as_of_date,
        health.version,
        health.computed_at,
        case
            when registry.experiment_id is null then 'removed: the project has no experiment file of this name any more'
            else registry.message
        end as message,
        registry.file,
        registry.payload as spec
    from known
    left join registry on registry.experiment_id = known.experiment_id
    left join due on due.experiment_id = known.experiment_id
    left join health on health.experiment_id = known.experiment_id
    left join versions on versions.experiment_id = known.experiment_id and versions.version = health.version
    left join verdicts on verdicts.experiment_id = known.experiment_id
)

select
    {{ causalops.contract_columns(model) }}
from catalog
