{# One scan of one fact model for `experiment_fact_days`. #}
{% macro fact_days_branch(source, slots) -%}
    {%- set times = causalops.event_times(source) %}
    select
        {{ causalops.source_value('source_key', source) }},
        {{ causalops.source_value('first_day', source) }},
        unit_id,
        day,
        cast(sum(n_nonfinite) as {{ dbt.type_bigint() }}),
        {{ causalops.summed_slots(source.payload.slots, slots) }}
    from (
        select
            cast(source.{{ adapter.quote(source.unit_column) }} as {{ dbt.type_string() }}) as unit_id,
            {{ times.day or 'cast(null as date)' }} as day,
            {{ causalops.nonfinite_count(source.payload.slots) }} as n_nonfinite
            {{- causalops.event_columns(source.payload.slots, is_distinct=false) }}
        from {{ ref(source.input_model) }} as source
        where source.{{ adapter.quote(source.unit_column) }} is not null
        {%- if times.day %}
            and (
                {{ times.day }} >= {{ causalops.source_value('read_from', source) }}
                or (
                    {{ times.day }} >= {{ causalops.source_value('first_day', source) }}
                    and {{ times.day }} < {{ causalops.source_value('read_before', source) }}
                )
            )
            and {{ times.day }} < {{ causalops.run_day() }}
        {%- else %}
            and {{ causalops.source_value('read_from', source) }} is not null
        {%- endif %}
    ) as events
    group by unit_id, day
{%- endmacro %}

{# v_1, v_2, ... of grouped events: each slot by its own rule, NULL where the fact has no such slot. #}
{% macro summed_slots(measures, slots, is_distinct=false) -%}
    {%- set rules = {} -%}
    {%- for measure in measures if (measure.agg == 'distinct') == is_distinct -%}
        {%- do rules.update({measure.slot: 'max' if measure.agg == 'any' else 'sum'}) -%}
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
