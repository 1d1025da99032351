-- grain: experiment_id, metric, neighbour_exposure, n_other_clusters, cluster_group, a, b; only experiments
-- with a network. sums of (value - shift) of control units that border on 1 to 5 other clusters, by
-- whether any neighbour is treated ('some') or none is. Clusters stand in 4,096 hash groups: groups of
-- whole clusters are as good for standard errors, and the table stays small whatever their number.
{%- set registry = ref('causalops', 'registry') -%}
{%- set blocks = causalops.blocks_for(registry, 'networks') -%}
{%- set cell = ['neighbour_exposure', 'n_other_clusters', 'cluster_group'] %}

with

border as (
    select
        experiment_id,
        unit_id,
        case when share_treated > 0 then 'some' else 'none' end as neighbour_exposure,
        cast(n_other_clusters as {{ dbt.type_string() }}) as n_other_clusters,
        cast({{ causalops.md5_integer('cluster_id') }} % 4096 as {{ dbt.type_string() }}) as cluster_group
    from {{ ref('causalops', 'experiment_neighbour_exposures') }}
    where is_control
        and n_other_clusters between 1 and 5
),

unit_values as (
    select unit_values.*, border.neighbour_exposure, border.n_other_clusters, border.cluster_group
    from {{ ref('causalops', 'experiment_unit_values') }} as unit_values
    inner join border
        on border.experiment_id = unit_values.experiment_id
        and border.unit_id = unit_values.unit_id
),

metrics as (
    select * from {{ ref('causalops', 'experiment_metrics') }}
    where design = 'cluster_rct' and analysis = 'main'
),

caps as (
    select * from {{ ref('causalops', 'experiment_caps') }}
),

shifts as (
    select * from {{ ref('causalops', 'experiment_shifts') }}
),

exposure_cells as (
    select border.experiment_id, {{ cell | join(', ') }}, exposures.exposure_day, count(*) as n_units
    from border
    inner join {{ ref('causalops', 'experiment_exposures') }} as exposures
        on exposures.experiment_id = border.experiment_id
        and exposures.unit_id = border.unit_id
    group by border.experiment_id, {{ cell | join(', ') }}, exposures.exposure_day
),
{{ causalops.block_ctes(blocks, cell) }}
pairs as (
    {{ causalops.all_pairs(blocks, cell) }}
)

select *
from ({{ causalops.summed_pairs('pairs', ['experiment_id', 'metric'] + cell + ['a', 'b']) }}) as sums
where n > 0
