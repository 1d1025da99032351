-- grain: experiment_id, for valid, running or stopped experiments that are not closed. how far each
-- may be computed (as_of_date), whether that differs from what is published (is_due), and the stamp
-- that its next version will carry. Everything that skips work reads this table.

with

snapshots as (
    select * from {{ ref('causalops', 'experiment_as_of') }}
),

fingerprints as (
    select * from {{ ref('causalops', 'experiment_fingerprints') }}
),

published as (
    select * from {{ ref('causalops', 'experiment_published') }}
),

compared as (
    select
        snapshots.*,
        fingerprints.data_fingerprint,
        fingerprints.n_input_rows,
        fingerprints.n_unread_rows,
        fingerprints.n_future_rows,
        case
            when latest.analysis_hash = snapshots.analysis_hash
                then greatest(fingerprints.n_rows_to_previous - latest.n_input_rows, 0)
        end as n_late_rows,
        latest.as_of_date as previous_as_of,
        first_version.protocol as first_protocol,
        coalesce(last_number.version, 0) + 1 as version,
        same_day.version is null
            or same_day.analysis_hash <> snapshots.analysis_hash
            or same_day.data_fingerprint <> fingerprints.data_fingerprint
            or same_day.method_version <> snapshots.method_version as is_changed
    from snapshots
    left join fingerprints
        on fingerprints.experiment_id = snapshots.experiment_id
    left join published as latest
        on latest.experiment_id = snapshots.experiment_id
        and latest.recency = 1
    -- Without any timestamp the as-of date is only the day of the run, hence no reason to recompute.
    left join published as same_day
        on same_day.experiment_id = snapshots.experiment_id
        and same_day.day_recency = 1
        and (same_day.as_of_date = snapshots.as_of_date or not snapshots.has_time)
        and (snapshots.has_time or same_day.recency = 1)
    left join published as first_version
        on first_version.experiment_id = snapshots.experiment_id
        and first_version.version = 1
    left join (
        select experiment_id, max(version) as version from published group by experiment_id
    ) as last_number
        on last_number.experiment_id = snapshots.experiment_id
)

select
    experiment_id,
    design,
    as_of_date,
    phase,
    coalesce(is_changed and phase <> 'no_data', false) as is_due,
    cast(version as {{ dbt.type_int() }}) as version,
    {{ causalops.text_literal(invocation_id) }} as run_id,
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as {{ dbt.type_timestamp() }}) as computed_at,
    analysis_hash,
    data_fingerprint,
    method_version,
    '0.1.0' as code_version,
    n_input_rows,
    n_late_rows,
    case when has_time then n_unread_rows end as n_unread_rows,
    case when has_time then n_future_rows end as n_future_rows,
    has_time,
    start_date,
    end_date,
    protocol,
    first_protocol,
    previous_as_of
from compared
