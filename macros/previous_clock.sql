{# The clock of the run before, or a typed empty select: before the first run, in a full refresh, and when it was
   written by a package that kept no such days. A slot that is new has no hash yet. The table is replaced only when
   this run's is complete. #}
{% macro previous_clock(slots) -%}
    {%- set columns = causalops.clock_columns(slots) -%}
    {%- do columns.update({'mapping_key': dbt.type_string(), 'is_complete': 'boolean'}) -%}
    {%- set found = namespace(relation=none) -%}
    {%- if execute and not flags.FULL_REFRESH and not flags.EMPTY -%}
        {%- set found.relation = adapter.get_relation(this.database, this.schema, this.identifier) -%}
    {%- endif -%}
    {%- set names = [] -%}
    {%- if found.relation -%}
        {%- do names.extend(adapter.get_columns_in_relation(found.relation) | map(attribute='name') | map('lower')) -%}
        {%- if 'is_complete' not in names -%}{%- set found.relation = none -%}{%- endif -%}
    {%- endif -%}
    {{ causalops.columns_of(found.relation, columns, names) }}
{%- endmacro %}

{# What a scan of an input says of each day, and the types. #}
{% macro clock_columns(slots) -%}
    {%- set text = dbt.type_string() -%}
    {%- set columns = {
        'role': text, 'input_model': text, 'unit': text, 'is_timed': 'boolean', 'assignment_key': text, 'day': 'date',
        'n_rows': dbt.type_bigint(),
    } -%}
    {%- for slot in slots -%}{%- do columns.update({'hash_' ~ slot: causalops.type_wide_integer()}) -%}{%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
