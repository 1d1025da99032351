{# One scan of one fact model for `experiment_distinct_days`. #}
{% macro distinct_days_branch(source, slots) -%}
    {%- set times = causalops.event_times(source) -%}
    {%- set offset = times.offset %}
    select
        experiment_id,
        unit_id,
        {{ causalops.text_literal(source.input_model) }},
        day_offset,
        {{ causalops.summed_slots(source.payload.slots, slots, is_distinct=true) }}
    from (
        select
            exposures.experiment_id,
            exposures.unit_id,
            cast({{ offset }} as {{ dbt.type_int() }}) as day_offset
            {{- causalops.event_columns(source.payload.slots, is_distinct=true, offset=offset) }}
        from {{ ref(source.input_model) }} as source
        inner join exposures
            on exposures.unit_id = cast(source.{{ adapter.quote(source.unit_column) }} as {{ dbt.type_string() }})
            and exposures.unit = {{ causalops.text_literal(source.name) }}
        inner join windows
            on windows.experiment_id = exposures.experiment_id
            and windows.fact = {{ causalops.text_literal(source.input_model) }}
        {%- if times.day %}
        where {{ times.day }} <= exposures.as_of_date
            and (exposures.exposure_day is null or {{ offset }} < 0 or {{ times.is_after }})
        {%- endif %}
    ) as events
    group by experiment_id, unit_id, day_offset
{%- endmacro %}
