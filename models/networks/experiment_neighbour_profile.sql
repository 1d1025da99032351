-- grain: experiment_id, variant; only experiments with a network. how well the clusters keep the arms
-- apart in the network of the analysed units: what the checks on interference need.

with

networks as (
    select experiment_id
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'network'
),

units as (
    select exposures.experiment_id, exposures.variant, exposures.unit_id
    from {{ ref('causalops', 'experiment_exposures') }} as exposures
    inner join networks
        on networks.experiment_id = exposures.experiment_id
    where exposures.exclusion_reason is null
),

neighbours as (
    select * from {{ ref('causalops', 'experiment_neighbour_exposures') }}
)

select
    units.experiment_id,
    units.variant,
    cast(count(*) as {{ dbt.type_bigint() }}) as n_units,
    cast(count(neighbours.unit_id) as {{ dbt.type_bigint() }}) as n_with_neighbours,
    cast(coalesce(sum(neighbours.n_neighbours), 0) as {{ dbt.type_bigint() }}) as n_edge_ends,
    coalesce(sum(neighbours.weight), 0) as weight,
    coalesce(sum(neighbours.weight_other_cluster), 0) as weight_other_cluster,
    coalesce(sum(neighbours.weight_other_variant), 0) as weight_other_variant,
    avg(neighbours.share_treated) as mean_share_treated
from units
left join neighbours
    on neighbours.experiment_id = units.experiment_id
    and neighbours.unit_id = units.unit_id
group by units.experiment_id, units.variant
