{# Whole days from one date to another, as an integer. #}
{% macro days_between(first, second) -%}
    {{ return(adapter.dispatch('days_between', 'causalops')(first, second)) }}
{%- endmacro %}

{% macro default__days_between(first, second) -%}
    {{ dbt.datediff(first, second, 'day') }}
{%- endmacro %}

{% macro duckdb__days_between(first, second) -%}
    date_diff('day', {{ first }}, {{ second }})
{%- endmacro %}
