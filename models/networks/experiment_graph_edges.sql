-- grain: graph, unit_a, unit_b. the undirected edges of every declared graph, unit_a before unit_b as
-- text: a-b and b-a are one edge, weights of repeats add up; rows that are no edge are left out.
{%- for name in causalops.input_models(['dataset_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

listed as (
    {{ causalops.graph_rows(causalops.declared_graphs()) }}
),

undirected as (
    select
        graph,
        case when source_id < target_id then source_id else target_id end as unit_a,
        case when source_id < target_id then target_id else source_id end as unit_b,
        weight
    from listed
    where fault is null
)

select
    graph,
    unit_a,
    unit_b,
    sum(weight) as weight
from undirected
group by graph, unit_a, unit_b
