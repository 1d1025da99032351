{# The clock of the run before, or a typed empty select: before the first run, in a full refresh, and when it was
   written by a package that kept other columns. The table is replaced only when this run's is complete. #}
{% macro previous_clock(slots) -%}
    {%- set text = dbt.type_string() -%}
    {%- set columns = {
        'mapping_key': text, 'role': text, 'input_model': text, 'unit': text, 'is_timed': 'boolean',
        'assignment_key': text, 'day': 'date', 'n_rows': dbt.type_bigint(),
    } -%}
    {%- for slot in slots -%}{%- do columns.update({'hash_' ~ slot: causalops.type_wide_integer()}) -%}{%- endfor -%}
    {%- set found = namespace(relation=none) -%}
    {%- if execute and not flags.FULL_REFRESH and not flags.EMPTY -%}
        {%- set found.relation = adapter.get_relation(this.database, this.schema, this.identifier) -%}
    {%- endif -%}
    {%- if found.relation -%}
        {%- set names = adapter.get_columns_in_relation(found.relation) | map(attribute='name') | map('lower') | list -%}
        {%- for name in columns if name not in names -%}{%- set found.relation = none -%}{%- endfor -%}
    {%- endif -%}
    {{ causalops.columns_of(found.relation, columns) }}
{%- endmacro %}
