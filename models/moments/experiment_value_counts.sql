-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, variant, value. how often
-- each value of a quantile metric occurs (n) and how many values are no larger (n_upto), of mature
-- units or of their events. Ranks come from here: no sort of rows in memory, and ties have one row.
{%- set registry = ref('causalops', 'registry') -%}
{%- set cell = ['variant', 'is_triggered', 'is_crossover'] -%}
{%- for slot in range(1, var('max_segments') + 1) -%}{%- do cell.append('seg_' ~ slot) -%}{%- endfor -%}
{%- set key = causalops.quantile_key() %}

with

unit_values as (
    select * from {{ ref('causalops', 'experiment_unit_values') }}
),

exposures as (
    select *
    from {{ ref('causalops', 'experiment_exposures') }}
    where exclusion_reason is null or exclusion_reason = 'crossover'
),

segments as (
    select experiment_id, name, slot from {{ registry }} where row_kind = 'segment'
),

quantile_metrics as (
    select * from ({{ causalops.requested_quantiles() }}) as requested where position = 1
),

-- Also the name under which blocks look for their metrics; one block can serve both levels.
metrics as (
    select * from quantile_metrics where level = 'unit'
),

event_metrics as (
    select * from quantile_metrics where level = 'event'
),

cells as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as metric,
        {%- for column in cell %}
        cast(null as {{ 'boolean' if column[:3] == 'is_' else dbt.type_string() }}) as {{ column }},
        {%- endfor %}
        cast(null as {{ causalops.type_double() }}) as value,
        cast(null as {{ dbt.type_bigint() }}) as n
    where 1 = 0
    {%- for block in causalops.ranked_blocks(registry) %}
    union all
    {{ causalops.quantile_cells(block, cell) }}
    {%- endfor %}
    union all
    select
        event_metrics.experiment_id, event_metrics.analysis, event_metrics.metric,
        exposures.{{ cell | join(', exposures.') }}, events.value + 0.0, count(*)
    from event_metrics
    inner join exposures
        on exposures.experiment_id = event_metrics.experiment_id
        and (exposures.exposure_day <= event_metrics.mature_through or event_metrics.mature_through is null)
    inner join {{ ref('causalops', 'experiment_event_values') }} as events
        on events.experiment_id = event_metrics.experiment_id
        and events.fact = event_metrics.fact
        and events.slot = event_metrics.slot
        and events.unit_id = exposures.unit_id
    group by
        event_metrics.experiment_id, event_metrics.analysis, event_metrics.metric,
        exposures.{{ cell | join(', exposures.') }}, events.value + 0.0
),

members as (
    {{ causalops.quantile_populations('cells') }}
),

counted as (
    select {{ key | join(', ') }}, value, cast(sum(n) as {{ dbt.type_bigint() }}) as n
    from members
    group by {{ key | join(', ') }}, value
    having sum(n) > 0
)

select
    counted.*,
    cast(sum(n) over (
        partition by {{ key | join(', ') }} order by value rows between unbounded preceding and current row
    ) as {{ dbt.type_bigint() }}) as n_upto
from counted
