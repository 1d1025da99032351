{# The columns of a relation that may not exist yet: each cast to its type; else no row. #}
{% macro columns_of(relation, columns) -%}
    select
        {%- for name, type in columns.items() %}
        cast({{ name if relation else 'null' }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'from ' ~ relation if relation else 'where 1 = 0' }}
{%- endmacro %}
