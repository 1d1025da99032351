-- grain: group_id. every group of mature units whose quantiles are asked for, by number: ranks are
-- taken within groups of many rows, and one integer is a far cheaper key than seven texts.
{%- set key = causalops.quantile_key() -%}
{%- set cell = causalops.quantile_cell() %}

with

segments as (
    select experiment_id, name, slot from {{ ref('causalops', 'registry') }} where row_kind = 'segment'
),

metrics as (
    select * from ({{ causalops.requested_quantiles() }}) as requested where position = 1
),

cells as (
    select distinct metrics.analysis, metrics.metric, exposures.experiment_id, exposures.{{ cell | join(', exposures.') }}
    from metrics
    inner join {{ ref('causalops', 'experiment_exposures') }} as exposures
        on exposures.experiment_id = metrics.experiment_id
        and (exposures.exposure_day <= metrics.mature_through or metrics.mature_through is null)
    where exposures.exclusion_reason is null or exposures.exclusion_reason = 'crossover'
),

members as (
    {{ causalops.quantile_populations('cells') }}
),

quantile_groups as (
    select distinct {{ key | join(', ') }} from members
)

select
    cast(row_number() over (order by {{ key | join(', ') }}) as {{ dbt.type_int() }}) as group_id,
    {{ key | join(',\n    ') }}
from quantile_groups
