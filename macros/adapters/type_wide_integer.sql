{# An integer wide enough for sums of 64-bit hashes. #}
{% macro type_wide_integer() -%}
    {{ return(adapter.dispatch('type_wide_integer', 'causalops')()) }}
{%- endmacro %}

{% macro default__type_wide_integer() -%} decimal(38, 0) {%- endmacro %}
{% macro duckdb__type_wide_integer() -%} hugeint {%- endmacro %}
