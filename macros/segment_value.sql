{# The text in the generic segment column that `slot` (a column) points at. #}
{% macro segment_value(alias, slot, slots) -%}
    case {{ slot }}{% for number in slots %} when {{ number }} then {{ alias }}.seg_{{ number }}{% endfor %} end
{%- endmacro %}
