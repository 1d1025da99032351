{# Rows of the registry that decide the shape of a query (column mappings, slots, blocks), as a list
   of dicts. The only caller of run_query. Nothing while parsing, under --empty, or when a command
   that builds nothing finds no registry; a missing registry in a build is an error. #}
{% macro registry_rows(relation, row_kind) -%}
    {%- if not execute or flags.EMPTY -%}{{ return([]) }}{%- endif -%}
    {%- set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- if existing is none and flags.WHICH not in ('run', 'build') -%}{{ return([]) }}{%- endif -%}
    {%- set query -%}
        select input_model, name, unit_column, block_id, payload
        from {{ relation }}
        where row_kind = '{{ row_kind }}'
        order by input_model, name, block_id
    {%- endset -%}
    {%- set rows = [] -%}
    {%- for row in run_query(query).rows -%}
        {%- do rows.append({
            'input_model': row[0], 'name': row[1], 'unit_column': row[2],
            'block_id': row[3], 'payload': fromjson(row[4]),
        }) -%}
    {%- endfor -%}
    {{ return(rows) }}
{%- endmacro %}

{# The blocks that a table for few experiments must hold (`uses` in the registry's payload). #}
{% macro blocks_for(relation, use) -%}
    {%- set blocks = [] -%}
    {%- for block in causalops.registry_rows(relation, 'block') if use in block.payload.uses -%}
        {%- do blocks.append(block) -%}
    {%- endfor -%}
    {{ return(blocks) }}
{%- endmacro %}
