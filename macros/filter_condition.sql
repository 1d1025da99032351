{# A metric's filter as a condition. Columns are quoted names from the catalogue, values are literals
   cast to the column's type: no text of the configuration becomes structure. #}
{% macro filter_condition(filters) -%}
    {%- set operators = {'eq': '=', 'ne': '<>', 'gt': '>', 'gte': '>=', 'lt': '<', 'lte': '<=', 'in': 'in'} -%}
    {%- if not filters -%}true{%- endif -%}
    {%- for filter in filters -%}
        {%- set values = [] -%}
        {%- for value in filter['values'] -%}
            {%- set literal = causalops.text_literal(value) -%}
            {%- do values.append(causalops.safe_cast(literal, filter.type) if filter.type else literal) -%}
        {%- endfor -%}
        source.{{ adapter.quote(filter.column) }} {{ operators[filter.op] }}
        {%- if filter.op == 'in' %} ({{ values | join(', ') }}){% else %} {{ values[0] }}{% endif -%}
        {%- if not loop.last %} and {% endif -%}
    {%- endfor -%}
{%- endmacro %}
