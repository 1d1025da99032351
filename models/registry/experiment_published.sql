-- grain: experiment_id, as_of_date, version. versions committed by earlier runs; the only caller of
-- published_versions(), because what is closed must be known before the first scan.

with

registry as (
    select * from {{ ref('causalops', 'registry') }} where row_kind = 'experiment'
),

published as (
    {{ causalops.published_versions() }}
),

ranked as (
    select
        published.*,
        row_number() over (
            partition by experiment_id order by as_of_date desc, version desc
        ) as recency,
        row_number() over (
            partition by experiment_id, as_of_date order by version desc
        ) as day_recency
    from published
),

-- Closed: nothing can change any more. Such an experiment is dropped before any scan.
closed as (
    select registry.experiment_id
    from registry
    inner join ranked
        on ranked.experiment_id = registry.experiment_id
        and ranked.recency = 1
    where registry.has_time
        and ranked.phase = 'complete'
        and ranked.analysis_hash = registry.analysis_hash
        and ranked.method_version = registry.method_version
        and {{ dbt.dateadd('day', '(registry.last_day_offset + ' ~ var('late_data_days') ~ ')', 'registry.end_date') }}
            < {{ causalops.run_day() }}
)

select
    ranked.*,
    closed.experiment_id is not null and {{ causalops.is_current_run() }} as is_closed
from ranked
left join closed
    on closed.experiment_id = ranked.experiment_id
