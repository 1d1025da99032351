{# 64-bit floating point; dbt's own type_float is 32-bit on two engines. #}
{% macro type_double() -%}
    {{ return(adapter.dispatch('type_double', 'causalops')()) }}
{%- endmacro %}

{% macro default__type_double() -%} double precision {%- endmacro %}
{% macro duckdb__type_double() -%} double {%- endmacro %}
{% macro spark__type_double() -%} double {%- endmacro %}
{% macro bigquery__type_double() -%} float64 {%- endmacro %}
