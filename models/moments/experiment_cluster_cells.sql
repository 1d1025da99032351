-- grain: experiment_id, analysis, metric, variant, cluster_id, is_triggered, is_crossover, is_received, every
-- segment slot, part. totals of (value - shift) of each part by cluster, for experiments that name a cluster;
-- absent units complete the zeros.
{%- set registry = ref('causalops', 'registry') -%}
{%- set blocks = causalops.blocks_for(registry, 'clusters') -%}
{%- set cell = ['variant', 'cluster_id', 'is_triggered', 'is_crossover', 'is_received'] -%}
{%- for slot in range(1, var('max_segments') + 1) -%}{%- do cell.append('seg_' ~ slot) -%}{%- endfor %}

with

unit_values as (
    select * from {{ ref('causalops', 'experiment_unit_values') }}
),

metrics as (
    select * from {{ ref('causalops', 'experiment_metrics') }}
    where experiment_id in (select experiment_id from {{ ref('causalops', 'experiment_clusters') }})
),

caps as (
    select * from {{ ref('causalops', 'experiment_caps') }}
),

shifts as (
    select * from {{ ref('causalops', 'experiment_shifts') }}
),

exposure_cells as (
    select experiment_id, exposure_day, {{ cell | join(', ') }}, count(*) as n_units
    from ({{ causalops.exposures_by_received() }}) as exposures
    where cluster_id is not null
        and (exclusion_reason is null or exclusion_reason = 'crossover')
    group by experiment_id, exposure_day, {{ cell | join(', ') }}
),
{{ causalops.block_ctes(blocks, cell) }}
totals as (
    {{ causalops.all_pairs(blocks, cell, is_square=true) }}
)

select
    experiment_id,
    analysis,
    metric,
    {{ cell | join(',\n    ') }},
    a as part,
    cast(sum(n) as {{ dbt.type_bigint() }}) as n,
    max(shift_a) as shift,
    sum(sum_a) as total
from totals
group by experiment_id, analysis, metric, {{ cell | join(', ') }}, a
