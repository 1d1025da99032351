-- grain: experiment_id, analysis, metric, part. a constant near the pooled mean of each part. Moments
-- are sums of (value - shift): additive over cells and days, and exact at any offset.
{%- set registry = ref('causalops', 'registry') %}

with

unit_values as (
    select * from {{ ref('causalops', 'experiment_unit_values') }}
),

metrics as (
    select * from {{ ref('causalops', 'experiment_metrics') }}
),

caps as (
    select * from {{ ref('causalops', 'experiment_caps') }}
),

populations as (
    select experiment_id, count(*) as n_units
    from {{ ref('causalops', 'experiment_exposures') }}
    where exclusion_reason is null
    group by experiment_id
),

sums as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as metric,
        cast(null as {{ dbt.type_string() }}) as part,
        cast(null as boolean) as is_zero_filled,
        cast(null as {{ dbt.type_bigint() }}) as n_rows,
        cast(null as {{ causalops.type_double() }}) as mean_value
    where 1 = 0
    {%- for block in causalops.registry_rows(registry, 'block') %}
    {%- for part in block.payload.parts %}
    union all
    select experiment_id, analysis, metric, '{{ part.name }}', {{ 'true' if part.missing == 'zero' else 'false' }}, count({{ part.name }}), avg({{ part.name }})
    from ({{ causalops.block_units(block) }}) as block_units
    group by experiment_id, analysis, metric
    {%- endfor %}
    {%- endfor %}
)

select
    sums.experiment_id,
    sums.analysis,
    sums.metric,
    sums.part,
    coalesce(
        sums.mean_value
        * case when sums.is_zero_filled then least(sums.n_rows * 1.0 / nullif(populations.n_units, 0), 1.0) else 1.0 end,
        0
    ) as shift
from sums
inner join populations
    on populations.experiment_id = sums.experiment_id
