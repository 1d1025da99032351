-- grain: graph. what was declared, and what became of its rows: every row is an edge, the repeat of one,
-- or dropped for one reason.
{%- for name in causalops.input_models(['dataset_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}
{%- set graphs = causalops.declared_graphs() %}

with

declared as (
    select
        cast(null as {{ dbt.type_string() }}) as graph,
        cast(null as {{ dbt.type_string() }}) as unit,
        cast(null as {{ causalops.type_double() }}) as resolution,
        cast(null as {{ dbt.type_bigint() }}) as max_cluster_size
    where 1 = 0
    {%- for item in graphs %}
    union all
    select
        {{ causalops.text_literal(item.name) }},
        {{ causalops.text_literal(item.unit) }},
        {{ item.resolution }},
        {{ item.max_cluster_size or 'null' }}
    {%- endfor %}
),

listed as (
    {{ causalops.graph_rows(graphs) }}
),

dropped as (
    select
        graph,
        count(*) as n_rows,
        sum(case when fault = 'null' then 1 else 0 end) as n_null,
        sum(case when fault = 'self_loop' then 1 else 0 end) as n_self_loops,
        sum(case when fault = 'weight' then 1 else 0 end) as n_bad_weights,
        sum(case when fault is null then 1 else 0 end) as n_usable
    from listed
    group by graph
),

edges as (
    select graph, unit_a, unit_b from {{ ref('causalops', 'experiment_graph_edges') }}
),

edge_counts as (
    select graph, count(*) as n_edges from edges group by graph
),

unit_counts as (
    select graph, count(*) as n_units
    from (
        select graph, unit_a as unit_id from edges
        union
        select graph, unit_b from edges
    ) as units
    group by graph
)

select
    declared.*
    {%- for name in ['n_rows', 'n_null', 'n_self_loops', 'n_bad_weights'] %},
    cast(coalesce(dropped.{{ name }}, 0) as {{ dbt.type_bigint() }}) as {{ name }}
    {%- endfor %},
    cast(coalesce(dropped.n_usable - edge_counts.n_edges, 0) as {{ dbt.type_bigint() }}) as n_duplicates,
    cast(coalesce(edge_counts.n_edges, 0) as {{ dbt.type_bigint() }}) as n_edges,
    cast(coalesce(unit_counts.n_units, 0) as {{ dbt.type_bigint() }}) as n_units
from declared
left join dropped on dropped.graph = declared.graph
left join edge_counts on edge_counts.graph = declared.graph
left join unit_counts on unit_counts.graph = declared.graph
