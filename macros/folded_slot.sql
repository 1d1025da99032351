{# A slot folded over its window after exposure ('post') or before it ('pre'): its sum, or the maximum of a flag.
   Untimed values (no offset) always count as outcomes. #}
{% macro folded_slot(slot, phase, rule) -%}
    {%- if phase == 'pre' -%}
        {%- set counts = 'day_offset between -pre_' ~ slot ~ ' and -1' -%}
    {%- else -%}
        {%- set counts = 'from_' ~ slot ~ ' is not null and (day_offset is null or day_offset between from_' ~ slot
            ~ ' and coalesce(to_' ~ slot ~ ', open_to))' -%}
    {%- endif -%}
    {{ rule }}(case when {{ counts }} then v_{{ slot }} end)
{%- endmacro %}
