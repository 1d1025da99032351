{# Any text as one SQL string literal: the only door through which configuration enters SQL. #}
{% macro text_literal(value) -%}
    {{ return(adapter.dispatch('text_literal', 'causalops')(value)) }}
{%- endmacro %}

{% macro default__text_literal(value) -%}
    {%- if value is none -%}cast(null as {{ dbt.type_string() }})
    {%- else -%}'{{ (value | string).replace("'", "''") }}'{%- endif -%}
{%- endmacro %}
