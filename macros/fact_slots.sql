{# The facts that experiments read: name, slot -> sum or max, and whether some slot counts distinct values. #}
{% macro facts_read(registry) -%}
    {%- set found = {} -%}
    {%- for source in causalops.registry_rows(registry, 'fact') -%}
        {%- set fact = found.setdefault(source.input_model, {'name': source.input_model, 'rules': {}, 'is_distinct': false}) -%}
        {%- for measure in source.payload.slots -%}
            {%- do fact.rules.update({measure.slot: causalops.fold_rule(measure)}) -%}
            {%- if measure.agg == 'distinct' -%}{%- do fact.update({'is_distinct': true}) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found.values() | list) }}
{%- endmacro %}

{# The slots that some fact uses, from 1: tables have no column for the others. #}
{% macro slots_read(facts) -%}
    {%- set found = [1] -%}
    {%- for fact in facts -%}{%- do found.extend(fact.rules) -%}{%- endfor -%}
    {{ return(range(1, found | max + 1)) }}
{%- endmacro %}

{% macro slot_columns(alias, slots) -%}
    {%- for slot in slots %}{{ alias }}.v_{{ slot }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{# How the events of a day, and the days of a window, fold into one value. #}
{% macro fold_rule(measure) -%}
    {{ return('max' if measure.agg == 'any' else 'sum') }}
{%- endmacro %}

{# v_1, v_2, ... of grouped events: each slot by its own rule, NULL where the fact has no such slot. #}
{% macro summed_slots(measures, slots, is_distinct=false) -%}
    {%- set rules = {} -%}
    {%- for measure in measures if (measure.agg == 'distinct') == is_distinct -%}
        {%- do rules.update({measure.slot: causalops.fold_rule(measure)}) -%}
    {%- endfor -%}
    {%- for slot in slots %}
        {{ rules[slot] ~ '(v_' ~ slot ~ ')' if slot in rules else 'null' }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# What single events add to the slots of their fact, as further columns. #}
{% macro event_columns(measures, is_distinct, offset='null') -%}
    {%- for measure in measures if (measure.agg == 'distinct') == is_distinct %},
            {{ causalops.event_value(measure, offset) }} as v_{{ measure.slot }}
    {%- endfor %}
{%- endmacro %}
