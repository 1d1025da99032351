{# The usable graphs declared by `dataset_models`, read from dbt's graph at run time and not from the
   registry: an assignment model may read the clusters of a graph, and the registry reads that model.
   What is missing, misspelt or out of range contributes nothing; the registry and `causalops check` say so. #}
{% macro declared_graphs() -%}
    {%- set found = [] -%}
    {%- set listed = causalops.input_models(['dataset_models']) -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.name in listed and node.resource_type in ('model', 'seed', 'snapshot') -%}
        {%- set meta = (node.config.get('meta') or {}).get('causalops') -%}
        {%- set declared = meta.get('graph') if meta is mapping else none -%}
        {%- if declared is mapping and causalops.is_usable_graph(node.name, declared) -%}
            {%- do found.append({
                'name': node.name, 'unit': declared.unit, 'source': declared.source,
                'target': declared.target, 'weight': declared.weight,
                'resolution': declared.resolution | default(1, true) | float,
                'max_cluster_size': declared.max_cluster_size | default(0, true) | int,
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# Whether the keys are known, the columns exist and the settings are numbers in range. #}
{% macro is_usable_graph(name, declared) -%}
    {%- set relation = ref(name) -%}
    {%- set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- set columns = adapter.get_columns_in_relation(existing) | map(attribute='name') | list if existing is not none else [] -%}
    {%- set named = [declared.source, declared.target] + ([declared.weight] if declared.weight else []) -%}
    {%- set known = ['unit', 'source', 'target', 'weight', 'resolution', 'max_cluster_size'] -%}
    {%- set usable = namespace(is_so=declared.unit is string) -%}
    {%- for key in declared if key not in known -%}{%- set usable.is_so = false -%}{%- endfor -%}
    {%- for column in named if column is not string or column not in columns -%}
        {%- set usable.is_so = false -%}
    {%- endfor -%}
    {%- set resolution = declared.resolution | default(1, true) | float(-1) -%}
    {%- set limit = declared.max_cluster_size | default(1, true) | int(-1) -%}
    {{ return(usable.is_so and 0 < resolution < 1e300 and limit >= 1) }}
{%- endmacro %}

{# The rows of every graph as text ids and a number; `fault` says why a row is no edge. #}
{% macro graph_rows(graphs) -%}
    {%- set text = dbt.type_string() %}
    select
        graph,
        source_id,
        target_id,
        weight,
        case
            when source_id is null or target_id is null then 'null'
            when source_id = target_id then 'self_loop'
            when weight is null or weight <= 0 then 'weight'
        end as fault
    from (
        select
            cast(null as {{ text }}) as graph,
            cast(null as {{ text }}) as source_id,
            cast(null as {{ text }}) as target_id,
            cast(null as {{ causalops.type_double() }}) as weight
        where 1 = 0
        {%- for item in graphs %}
        union all
        select
            {{ causalops.text_literal(item.name) }},
            cast(source.{{ adapter.quote(item.source) }} as {{ text }}),
            cast(source.{{ adapter.quote(item.target) }} as {{ text }}),
            {{ causalops.safe_number('source.' ~ adapter.quote(item.weight)) if item.weight else '1.0' }}
        from {{ ref(item.name) }} as source
        {%- endfor %}
    ) as listed
{%- endmacro %}
