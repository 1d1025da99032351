{# The columns of a relation that may not exist yet: each cast to its type; else no row. Of `names`, the columns
   that it has, the others are NULL. #}
{% macro columns_of(relation, columns, names=none) -%}
    select
        {%- for name, type in columns.items() %}
        cast({{ name if relation and (names is none or name in names) else 'null' }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'from ' ~ relation if relation else 'where 1 = 0' }}
{%- endmacro %}
