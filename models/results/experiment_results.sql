-- grain: one result row (estimate, check or curve point) of one experiment, version and run.
-- append-only: rows are never changed or removed, also not by --full-refresh. Rows count as published
-- only once `experiment_versions` holds their run.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='append_new_columns'
    )
}}
{%- set columns = causalops.result_columns() %}
{%- set stamps = causalops.stamp_columns() %}
{%- set blocked = {
    'status': "case when is_blocked then 'blocked' else status end",
    'reason_code': "case when is_blocked then coalesce(reason_code, 'blocked_by_' || gate) else reason_code end",
    'message': "case when is_blocked then coalesce(message, gate_message) else message end",
    'verdict': 'case when not is_blocked then verdict end',
} %}

with

due as (
    select *
    from {{ ref('causalops', 'experiment_due') }}
    where is_due
),

metrics as (
    select experiment_id, metric, desired
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'metric' and analysis = 'main'
),

computed as (
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'srm') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'ab_test') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'aa_test') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'cluster_rct') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'encouragement') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'spillover') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'did') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'iv') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'matched_did') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'its') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'synthetic_control') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'rdd') }}
    union all
    select run_id, {{ columns | join(', ') }} from {{ ref('causalops', 'heckman') }}
),

-- A failed check that gates blocks every verdict of its experiment; with several, the first by name explains.
failed_gates as (
    select
        computed.experiment_id,
        check_name as gate,
        'Blocked by the check ' || check_name || coalesce(': ' || message, '.') as gate_message,
        row_number() over (partition by computed.experiment_id order by check_name, metric, variant, message) as gate_order
    from computed
    inner join due
        on due.experiment_id = computed.experiment_id
        and due.run_id = computed.run_id
    where row_kind = 'check' and analysis = 'main' and status = 'fail' and gates
),

stamped as (
    select
        {% for name in columns -%}
        computed.{{ name }},
        {% endfor -%}
        {% for name in stamps -%}
        {{ 'metrics' if name == 'desired' else 'due' }}.{{ name }},
        {% endfor -%}
        failed_gates.gate,
        failed_gates.gate_message,
        computed.row_kind = 'estimate'
        and computed.status in ('ok', 'warning')
        and failed_gates.gate is not null as is_blocked
    from computed
    inner join due
        on due.experiment_id = computed.experiment_id
        and due.run_id = computed.run_id
    left join metrics
        on metrics.experiment_id = computed.experiment_id
        and metrics.metric = computed.metric
    left join failed_gates
        on failed_gates.experiment_id = computed.experiment_id
        and failed_gates.gate_order = 1
),

typed as (
    select
        {% for name, type in columns.items() -%}
        cast({{ blocked.get(name, name) }} as {{ type }}) as {{ name }},
        {% endfor -%}
        {% for name, type in stamps.items() -%}
        cast({{ name }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from stamped
    {% if is_incremental() -%}
    where not exists (
        select 1
        from {{ this }} as present
        where present.experiment_id = stamped.experiment_id
            and present.run_id = stamped.run_id
    )
    {%- endif %}
)

select
    typed.*,
    {{ causalops.row_id() }} as row_id
from typed
