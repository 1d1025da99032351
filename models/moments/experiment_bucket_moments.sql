-- grain: experiment_id, metric, variant, bucket, a, b. moments by 1,024 hash buckets of units, for A/A tests:
-- buckets dealt to arms again and again give the rejection share without touching a row.
{%- set registry = ref('causalops', 'registry') -%}
{%- set blocks = causalops.blocks_for(registry, 'buckets') %}

with

unit_values as (
    select * from {{ ref('causalops', 'experiment_unit_values') }} where not is_crossover
),

metrics as (
    select * from {{ ref('causalops', 'experiment_metrics') }}
    where design = 'aa_test' and analysis = 'main'
),

caps as (
    select * from {{ ref('causalops', 'experiment_caps') }}
),

shifts as (
    select * from {{ ref('causalops', 'experiment_shifts') }}
),

exposure_cells as (
    select experiment_id, variant, bucket, exposure_day, count(*) as n_units
    from {{ ref('causalops', 'experiment_exposures') }}
    where exclusion_reason is null
    group by experiment_id, variant, bucket, exposure_day
),
{{ causalops.block_ctes(blocks, ['variant', 'bucket']) }}
pairs as (
    {{ causalops.all_pairs(blocks, ['variant', 'bucket']) }}
),

sums as (
    {{ causalops.summed_pairs('pairs', ['experiment_id', 'metric', 'variant', 'bucket', 'a', 'b']) }}
)

select
    experiment_id,
    metric,
    variant,
    cast(bucket as {{ dbt.type_int() }}) as bucket,
    a,
    b,
    {{ causalops.centred_pair() }}
from sums
where n > 0
