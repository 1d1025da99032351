-- grain: experiment_id. private: how far the current version of each experiment can be trusted.
{{ config(materialized='view') }}

with

results as (
    select * from {{ ref('causalops', 'experiment_committed_results').render() }} where is_current
),

counted as (
    select
        experiment_id,
        version,
        max(design) as design,
        max(as_of_date) as as_of_date,
        max(computed_at) as computed_at,
        sum(case when row_kind = 'check' and status = 'fail' then 1 else 0 end) as checks_failed,
        sum(case when row_kind = 'check' and status = 'warn' then 1 else 0 end) as checks_warned,
        sum(case when is_headline and status = 'failed' then 1 else 0 end) as headlines_failed,
        sum(case when is_headline and status in ('warning', 'skipped') then 1 else 0 end) as headlines_warned,
        min(
            case
                when row_kind = 'check' and analysis = 'main' and gates and status = 'fail'
                    then 'Blocked by the check ' || check_name || coalesce(': ' || message, '.')
            end
        ) as blocked_reason
    from results
    group by experiment_id, version
)

select
    experiment_id,
    version,
    design,
    as_of_date,
    computed_at,
    cast(checks_failed as {{ dbt.type_int() }}) as checks_failed,
    cast(checks_warned as {{ dbt.type_int() }}) as checks_warned,
    blocked_reason,
    case
        when blocked_reason is not null then 'blocked'
        when headlines_failed > 0 then 'failed'
        when checks_failed + checks_warned + headlines_warned > 0 then 'warning'
        else 'ok'
    end as health
from counted
