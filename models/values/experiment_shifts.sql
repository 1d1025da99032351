-- grain: experiment_id, analysis, metric, part. a constant near the pooled mean of each part. Moments
-- are sums of (value - shift): additive over cells and days, and exact at any offset.
{%- set blocks = causalops.registry_rows(ref('causalops', 'registry'), 'block') %}

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

{%- for block in blocks %}

block_{{ block.block_id }} as (
    select
        experiment_id,
        analysis,
        metric
        {%- for part in block.payload.parts %},
        count({{ part.name }}) as n_{{ part.name }},
        avg({{ part.name }}) as mean_{{ part.name }}
        {%- endfor %}
    from ({{ causalops.block_units(block) }}) as units
    group by experiment_id, analysis, metric
),
{%- endfor %}

means as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as metric,
        cast(null as {{ dbt.type_string() }}) as part,
        cast(null as boolean) as is_zero_filled,
        cast(null as {{ dbt.type_bigint() }}) as n_rows,
        cast(null as {{ causalops.type_double() }}) as mean_value
    where 1 = 0
    {%- for block in blocks %}
    {%- for part in block.payload.parts %}
    union all
    select
        experiment_id, analysis, metric, '{{ part.name }}', {{ 'true' if part.missing == 'zero' else 'false' }},
        n_{{ part.name }}, mean_{{ part.name }}
    from block_{{ block.block_id }}
    {%- endfor %}
    {%- endfor %}
)

select
    means.experiment_id,
    means.analysis,
    means.metric,
    means.part,
    coalesce(
        means.mean_value
        * case when means.is_zero_filled then least(means.n_rows * 1.0 / nullif(populations.n_units, 0), 1.0) else 1.0 end,
        0
    ) as shift
from means
inner join populations
    on populations.experiment_id = means.experiment_id
