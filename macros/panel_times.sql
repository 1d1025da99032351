{# The first period at or after `treated_from`, NULL when there is none. #}
{% macro first_treated_period(periods) -%}
    case {% for period in periods %}when treated_from <= {{ causalops.double_literal(period) }} then {{ causalops.double_literal(period) }} {% endfor %}end
{%- endmacro %}

{# A point in time in the type of its column: whole numbers are compared and hashed faster. #}
{% macro time_literal(stamp, value) -%}
    {%- if stamp and stamp.is_integer -%}cast({{ value | int }} as {{ dbt.type_bigint() }})
    {%- else -%}{{ causalops.double_literal(value) }}{%- endif -%}
{%- endmacro %}

{% macro double_literal(value) -%}
    cast({{ causalops.text_literal(value) }} as {{ causalops.type_double() }})
{%- endmacro %}
