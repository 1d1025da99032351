-- grain: experiment_id, unit_id. the units of an encouragement that received the treatment: any row of the
-- assignment log up to as_of_date says so, or the metric that stands for it is true in its window.
{%- set facts = causalops.facts_read(ref('causalops', 'registry')) -%}
{%- set slots = causalops.slots_read(facts) %}
-- depends_on: {{ ref('causalops', 'experiment_windows') }}
-- depends_on: {{ ref('causalops', 'experiment_fact_days') }}
-- depends_on: {{ ref('causalops', 'experiment_first_days') }}
-- depends_on: {{ ref('causalops', 'experiment_distinct_days') }}

with

exposures as (
    select *
    from ({{ causalops.scanned_exposures() }}) as scanned
    where experiment_id in (select experiment_id from {{ ref('causalops', 'experiment_due') }} where design = 'encouragement')
),
{{ causalops.unit_day_ctes(facts) }}
metrics as (
    select experiment_id, input_model as fact, slot, day_from, day_to
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'received'
),

by_log as (
    select experiment_id, unit_id
    from exposures
    where log_received
        and experiment_id not in (select experiment_id from metrics)
),

by_metric as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as unit_id
    where 1 = 0
    {%- for fact in facts %}
    union
    select days.experiment_id, days.unit_id
    from days_{{ loop.index }} as days
    inner join metrics
        on metrics.experiment_id = days.experiment_id
        and metrics.fact = days.fact
    where (days.day_offset is null or days.day_offset between metrics.day_from and coalesce(metrics.day_to, days.open_to))
        and case metrics.slot
            {%- for slot in slots %}
            when {{ slot }} then days.v_{{ slot }}
            {%- endfor %}
        end > 0
    {%- endfor %}
)

select experiment_id, unit_id from by_log
union all
select experiment_id, unit_id from by_metric
