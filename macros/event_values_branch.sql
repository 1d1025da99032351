{# One scan of one fact model for `experiment_event_values`: the events of the slots that keep them. #}
{% macro event_values_branch(source) -%}
    {%- set times = causalops.event_times(source) -%}
    {%- set fact = causalops.text_literal(source.input_model) %}
    select experiment_id, unit_id, {{ fact }}, slot, value
    from (
        select
            exposures.experiment_id,
            exposures.unit_id,
            event_slots.slot,
            case event_slots.slot
                {%- for measure in source.payload.slots if measure.keeps_events %}
                when {{ measure.slot }} then {{ causalops.event_value(measure, times.offset) }}
                {%- endfor %}
            end as value
        from {{ ref(source.input_model) }} as source
        inner join exposures
            on exposures.unit_id = cast(source.{{ adapter.quote(source.unit_column) }} as {{ dbt.type_string() }})
            and exposures.unit = {{ causalops.text_literal(source.name) }}
        inner join event_slots
            on event_slots.experiment_id = exposures.experiment_id
            and event_slots.fact = {{ fact }}
        {%- if times.day %}
        where {{ times.day }} <= exposures.as_of_date
            and (
                exposures.exposure_day is null
                or (
                    {{ times.is_after }}
                    and {{ times.offset }} between event_slots.day_from and coalesce(event_slots.day_to, exposures.open_to)
                )
            )
        {%- endif %}
    ) as events
    where value is not null
{%- endmacro %}
