{# An integer hash of one row; sums of it are order-free and exact, unlike sums of floats. #}
{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash', 'causalops')(columns)) }}
{%- endmacro %}

{# Where an engine has no row hash of its own: 8 hexadecimal digits of md5. #}
{% macro default__row_hash(columns) -%}
    cast(cast({{ causalops.md5_integer(causalops.joined_text(columns)) }} as {{ dbt.type_bigint() }}) as decimal(38, 0))
{%- endmacro %}

{% macro duckdb__row_hash(columns) -%}
    cast(hash({{ columns | join(', ') }}) as hugeint)
{%- endmacro %}

{# Unambiguous text of several columns: NULL differs from every text. #}
{% macro joined_text(columns) -%}
    {%- for column in columns -%}
        coalesce(
            cast(length(cast({{ column }} as {{ dbt.type_string() }})) as {{ dbt.type_string() }}) || ':' || cast({{ column }} as {{ dbt.type_string() }}),
            '-'
        ){% if not loop.last %} || '|' || {% endif %}
    {%- endfor -%}
{%- endmacro %}
