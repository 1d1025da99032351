-- grain: graph. how well the clusters hold the graph together: the share of edge weight that runs
-- between clusters, and the modularity of Newman & Girvan (2004), always at resolution 1.

with

clusters as (
    select * from {{ ref('causalops', 'graph_clusters') }}
),

edges as (
    select
        edges.graph,
        side_a.cluster_id as cluster_a,
        side_b.cluster_id as cluster_b,
        edges.weight
    from {{ ref('causalops', 'experiment_graph_edges') }} as edges
    inner join clusters as side_a
        on side_a.graph = edges.graph
        and side_a.unit_id = edges.unit_a
    inner join clusters as side_b
        on side_b.graph = edges.graph
        and side_b.unit_id = edges.unit_b
),

ends as (
    select graph, cluster_a as cluster_id, weight, case when cluster_a = cluster_b then weight else 0 end as inner_weight
    from edges
    union all
    select graph, cluster_b, weight, case when cluster_a = cluster_b then weight else 0 end
    from edges
),

totals as (
    select graph, sum(weight) as degree from ends group by graph
),

shares as (
    select
        ends.graph,
        ends.cluster_id,
        sum(ends.weight / totals.degree) as degree_share,
        sum(ends.inner_weight / totals.degree) as inner_share
    from ends
    inner join totals on totals.graph = ends.graph
    group by ends.graph, ends.cluster_id
),

sizes as (
    select graph, count(distinct cluster_id) as n_clusters, max(cluster_size) as largest_cluster
    from clusters
    group by graph
)

select
    sizes.graph,
    cast(sizes.n_clusters as {{ dbt.type_bigint() }}) as n_clusters,
    cast(sizes.largest_cluster as {{ dbt.type_bigint() }}) as largest_cluster,
    greatest(1 - sum(shares.inner_share), 0) as share_cut,
    sum(shares.inner_share - shares.degree_share * shares.degree_share) as modularity
from sizes
inner join shares on shares.graph = sizes.graph
group by sizes.graph, sizes.n_clusters, sizes.largest_cluster
