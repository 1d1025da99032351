{# A slot of `experiment_unit_days` folded over its window: a sum, or the maximum where the slot is a
   flag in that fact. Untimed values (no offset) always count as outcomes. #}
{% macro folded_slot(slot, phase, flag_facts) -%}
    {%- if phase == 'pre' -%}
        {%- set counts = 'unit_days.day_offset between -windows.pre_' ~ slot ~ ' and -1' -%}
    {%- else -%}
        {%- set counts = 'windows.from_' ~ slot ~ ' is not null and (unit_days.day_offset is null or unit_days.day_offset between windows.from_'
            ~ slot ~ ' and coalesce(windows.to_' ~ slot ~ ', exposures.open_to))' -%}
    {%- endif -%}
    {%- set value = 'case when ' ~ counts ~ ' then unit_days.v_' ~ slot ~ ' end' -%}
    {%- set facts = flag_facts.get(slot, []) -%}
    {%- if facts -%}
        case
            when unit_days.fact in ({{ facts | join(', ') }}) then max({{ value }})
            else sum({{ value }})
        end
    {%- else -%}
        sum({{ value }})
    {%- endif -%}
{%- endmacro %}

{# slot -> the facts (as literals) in which that slot is a flag rather than a sum. #}
{% macro flag_slots(registry) -%}
    {%- set flag_facts = {} -%}
    {%- for source in causalops.registry_rows(registry, 'fact') -%}
        {%- for measure in source.payload.slots if measure.agg == 'any' -%}
            {%- do flag_facts.setdefault(measure.slot, []).append(causalops.text_literal(source.input_model)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(flag_facts) }}
{%- endmacro %}
