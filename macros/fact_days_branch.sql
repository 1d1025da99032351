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

{# The columns of a table of fact days, and their types. #}
{% macro fact_day_columns(slots) -%}
    {%- set columns = {
        'source_key': dbt.type_bigint(), 'kept_from': 'date', 'unit_id': dbt.type_string(), 'day': 'date',
        'n_nonfinite': dbt.type_bigint(),
    } -%}
    {%- for slot in slots -%}{%- do columns.update({'v_' ~ slot: causalops.type_double()}) -%}{%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
