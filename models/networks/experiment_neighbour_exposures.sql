-- grain: experiment_id, unit_id; only experiments with a network, analysed units with a neighbour among
-- the analysed units. how much of a unit's edge weight leads to treated neighbours (of a treated unit: to
-- its own variant), and to how many other clusters it leads: given that number, chance alone decides
-- whether any of them is treated.

with

networks as (
    select experiment_id, name as graph, control
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'network'
),

units as (
    select
        networks.graph,
        networks.control,
        exposures.experiment_id,
        exposures.unit_id,
        exposures.variant,
        exposures.cluster_id
    from networks
    inner join {{ ref('causalops', 'experiment_exposures') }} as exposures
        on exposures.experiment_id = networks.experiment_id
    where exposures.exclusion_reason is null
        and exposures.cluster_id is not null
),

ends as (
    select graph, unit_a as unit_id, unit_b as neighbour_id, weight
    from {{ ref('causalops', 'experiment_graph_edges') }}
    where graph in (select graph from networks)
    union all
    select graph, unit_b, unit_a, weight
    from {{ ref('causalops', 'experiment_graph_edges') }}
    where graph in (select graph from networks)
),

neighbours as (
    select
        units.experiment_id,
        units.unit_id,
        units.variant,
        units.control,
        units.cluster_id,
        ends.weight,
        neighbours.variant as neighbour_variant,
        case when neighbours.cluster_id <> units.cluster_id then neighbours.cluster_id end as other_cluster
    from units
    inner join ends
        on ends.graph = units.graph
        and ends.unit_id = units.unit_id
    inner join units as neighbours
        on neighbours.experiment_id = units.experiment_id
        and neighbours.unit_id = ends.neighbour_id
)

select
    experiment_id,
    unit_id,
    max(variant) as variant,
    max(cluster_id) as cluster_id,
    max(variant) = max(control) as is_control,
    count(*) as n_neighbours,
    count(distinct other_cluster) as n_other_clusters,
    sum(weight) as weight,
    sum(case when other_cluster is not null then weight else 0 end) as weight_other_cluster,
    sum(case when neighbour_variant <> variant then weight else 0 end) as weight_other_variant,
    sum(
        case when neighbour_variant <> control and variant in (control, neighbour_variant) then weight else 0 end
    ) / sum(weight) as share_treated
from neighbours
group by experiment_id, unit_id
