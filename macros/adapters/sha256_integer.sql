{# The first 15 hexadecimal digits of SHA-256 over the UTF-8 bytes of a text, as an integer: the same
   number on every engine and in Python (src/causalops/assignment.py). #}
{% macro sha256_integer(text) -%}
    {{ return(adapter.dispatch('sha256_integer', 'causalops')(text)) }}
{%- endmacro %}

{% macro default__sha256_integer(text) -%}
    ('x' || lpad(substr(encode(sha256(convert_to({{ text }}, 'UTF8')), 'hex'), 1, 15), 16, '0'))::bit(64)::bigint
{%- endmacro %}

{% macro duckdb__sha256_integer(text) -%}
    cast('0x' || substr(sha256({{ text }}), 1, 15) as bigint)
{%- endmacro %}

{% macro redshift__sha256_integer(text) -%}
    strtol(substr(sha2({{ text }}, 256), 1, 15), 16)
{%- endmacro %}

{% macro spark__sha256_integer(text) -%}
    cast(conv(substr(sha2({{ text }}, 256), 1, 15), 16, 10) as bigint)
{%- endmacro %}

{% macro snowflake__sha256_integer(text) -%}
    to_number(substr(sha2({{ text }}, 256), 1, 15), 'XXXXXXXXXXXXXXX')
{%- endmacro %}

{% macro bigquery__sha256_integer(text) -%}
    cast(concat('0x', substr(to_hex(sha256({{ text }})), 1, 15)) as int64)
{%- endmacro %}
