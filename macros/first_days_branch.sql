{# One scan of one fact model for `experiment_first_days`. #}
{% macro first_days_branch(source, slots) -%}
    {%- set times = causalops.event_times(source) %}
    select
        source_key,
        max(kept_from),
        unit_id,
        day,
        cast(sum(n_nonfinite) as {{ dbt.type_bigint() }}),
        {{ causalops.summed_slots(source.payload.slots, slots) }}
    from (
        select
            exposures.source_key,
            exposures.kept_from,
            exposures.unit_id,
            exposures.day,
            {{ causalops.nonfinite_count(source.payload.slots) }} as n_nonfinite
            {{- causalops.event_columns(source.payload.slots, is_distinct=false) }}
        from {{ ref(source.input_model) }} as source
        inner join exposures
            on exposures.fact = {{ causalops.text_literal(source.input_model) }}
            and exposures.unit = {{ causalops.text_literal(source.name) }}
            and exposures.unit_id = cast(source.{{ adapter.quote(source.unit_column) }} as {{ dbt.type_string() }})
            and exposures.day = {{ times.day }}
        {%- if source.payload.timestamp.kind != 'date' %}
            and coalesce({{ times.at }} >= exposures.exposed_at, true)
        {%- endif %}
    ) as events
    group by source_key, unit_id, day
{%- endmacro %}
