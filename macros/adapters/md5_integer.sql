{# The first 8 hexadecimal digits of md5 as an integer: the same number on every engine and in Python. #}
{% macro md5_integer(text) -%}
    {{ return(adapter.dispatch('md5_integer', 'causalops')(text)) }}
{%- endmacro %}

{% macro default__md5_integer(text) -%}
    ('x' || lpad(substr(md5({{ text }}), 1, 8), 16, '0'))::bit(64)::bigint
{%- endmacro %}

{% macro duckdb__md5_integer(text) -%}
    cast('0x' || substr(md5({{ text }}), 1, 8) as bigint)
{%- endmacro %}

{% macro spark__md5_integer(text) -%}
    cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as bigint)
{%- endmacro %}

{% macro snowflake__md5_integer(text) -%}
    to_number(substr(md5({{ text }}), 1, 8), 'XXXXXXXX')
{%- endmacro %}

{% macro bigquery__md5_integer(text) -%}
    cast(concat('0x', substr(to_hex(md5({{ text }})), 1, 8)) as int64)
{%- endmacro %}
