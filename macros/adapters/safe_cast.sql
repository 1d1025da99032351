{# NULL where a value cannot be cast; dbt's own safe_cast raises on engines it does not know. #}
{% macro safe_cast(value, type) -%}
    {{ return(adapter.dispatch('safe_cast', 'causalops')(value, type)) }}
{%- endmacro %}

{% macro default__safe_cast(value, type) -%} {{ dbt.safe_cast(value, type) }} {%- endmacro %}
{% macro duckdb__safe_cast(value, type) -%} try_cast({{ value }} as {{ type }}) {%- endmacro %}
