-- grain: row_kind, name. what the project declares, read from dbt's graph at run time, unvalidated:
-- every experiment file, every input declaration, the columns of listed inputs, the settings.
{%- set names = causalops.input_models(['assignment_models', 'fact_models', 'dataset_models']) -%}
{%- for name in names %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

{% if execute -%}
{%- set rows = causalops.spec_rows(names) -%}
{%- for row in rows if row.row_kind == 'column' -%}
    {%- set relation = ref(row.name) -%}
    {%- set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- if existing is not none -%}
        {%- for column in adapter.get_columns_in_relation(existing) -%}
            {%- do row.payload.append({'name': column.name, 'type': column.dtype}) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endfor -%}
{%- else -%}
{%- set rows = [] -%}
{%- endif -%}

typed as (
    select
        cast(null as {{ dbt.type_string() }}) as row_kind,
        cast(null as {{ dbt.type_string() }}) as name,
        cast(null as {{ dbt.type_string() }}) as file,
        cast(null as {{ dbt.type_string() }}) as payload
    where 1 = 0
    {%- for row in rows %}
    union all
    select
        {{ causalops.text_literal(row.row_kind) }},
        {{ causalops.text_literal(row.name) }},
        {{ causalops.text_literal(row.file) }},
        {{ causalops.text_literal(tojson(row.payload)) }}
    {%- endfor %}
)

select * from typed
