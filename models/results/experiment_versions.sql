-- grain: experiment_id, version. the commit log: a version exists once its row is here, so the rows of a
-- run that was killed in between stay invisible. append-only, also under --full-refresh.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns'
    )
}}

with

due as (
    select * from {{ ref('causalops', 'experiment_due') }}
),

written as (
    select experiment_id, run_id, version
    from {{ ref('causalops', 'experiment_results') }}
    group by experiment_id, run_id, version
    -- Effects without their sample-ratio check, or checks without effects, are no version. Where nobody
    -- randomised there is no sample ratio.
    having max(case when row_kind = 'estimate' then 1 else 0 end) = 1
        and (
            max(case when row_kind = 'check' and check_name = 'srm' then 1 else 0 end) = 1
            or max(case when design in ('aa_test', 'ab_test', 'encouragement', 'cluster_rct') then 1 else 0 end) = 0
        )
)

select
    cast(due.experiment_id as {{ dbt.type_string() }}) as experiment_id,
    cast(due.design as {{ dbt.type_string() }}) as design,
    cast(due.as_of_date as date) as as_of_date,
    cast(due.version as {{ dbt.type_int() }}) as version,
    cast(due.run_id as {{ dbt.type_string() }}) as run_id,
    cast(due.phase as {{ dbt.type_string() }}) as phase,
    cast(due.analysis_hash as {{ dbt.type_string() }}) as analysis_hash,
    cast(due.data_fingerprint as {{ dbt.type_string() }}) as data_fingerprint,
    cast(due.method_version as {{ dbt.type_string() }}) as method_version,
    cast(due.protocol as {{ dbt.type_string() }}) as protocol,
    cast(due.n_input_rows as {{ dbt.type_bigint() }}) as n_input_rows,
    cast(due.code_version as {{ dbt.type_string() }}) as code_version,
    cast(due.computed_at as {{ dbt.type_timestamp() }}) as computed_at,
    cast(
        '{{ modules.datetime.datetime.now(modules.pytz.utc).strftime("%Y-%m-%d %H:%M:%S.%f") }}'
        as {{ dbt.type_timestamp() }}
    ) as committed_at
from due
inner join written
    on written.experiment_id = due.experiment_id
    and written.run_id = due.run_id
    and written.version = due.version
{% if is_incremental() -%}
where not exists (
    select 1
    from {{ this }} as committed
    where committed.experiment_id = due.experiment_id
        and (committed.run_id = due.run_id or committed.version = due.version)
)
{%- endif %}
