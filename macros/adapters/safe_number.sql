{# A column as a finite double, NULL for anything else: no value of any row may raise or poison a sum.
   A cube of anything larger than 1e75 could overflow in a sum, so it counts as non-finite. #}
{% macro safe_number(column) -%}
    {{ return(adapter.dispatch('safe_number', 'causalops')(column)) }}
{%- endmacro %}

{% macro default__safe_number(column) -%}
    {%- set number = causalops.safe_cast(column, causalops.type_double()) -%}
    case when {{ number }} between -1e75 and 1e75 then {{ number }} end
{%- endmacro %}

{# DuckDB orders NaN above every number, so the comparison also drops NaN. #}
