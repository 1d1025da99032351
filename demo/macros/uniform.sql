{# A number in [0, 1) fixed by a salt and a key (SQL text expressions): the same on every engine and
   every run, unlike random(). #}
{% macro uniform(salt, key) -%}
    (cast('0x' || substr(md5({{ salt }} || ':' || {{ key }}), 1, 8) as bigint) / 4294967296.0)
{%- endmacro %}
