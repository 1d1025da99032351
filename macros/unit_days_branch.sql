{# One scan of one fact model for `experiment_unit_days`. #}
{% macro unit_days_branch(source, slots) -%}
    {%- set map = source.payload -%}
    {%- set times = causalops.event_times(source) -%}
    {%- set offset = times.offset -%}
    {%- set measures = {} -%}
    {%- for measure in map.slots -%}{%- do measures.update({measure.slot: measure}) -%}{%- endfor %}
    select
        experiment_id,
        unit_id,
        {{ causalops.text_literal(source.input_model) }},
        day_offset,
        cast(sum(n_nonfinite) as {{ dbt.type_bigint() }})
        {%- for slot in slots %},
        {% if slot not in measures %}null{% else %}{{ 'max' if measures[slot].agg == 'any' else 'sum' }}(v_{{ slot }}){% endif %}
        {%- endfor %}
    from (
        select
            exposures.experiment_id,
            exposures.unit_id,
            cast({{ offset }} as {{ dbt.type_int() }}) as day_offset,
            {{ causalops.nonfinite_count(map.slots) }} as n_nonfinite
            {%- for slot in slots if slot in measures %},
            {{ causalops.event_value(measures[slot], offset) }} as v_{{ slot }}
            {%- endfor %}
        from {{ ref(source.input_model) }} as source
        inner join exposures
            on exposures.unit_id = cast(source.{{ adapter.quote(source.unit_column) }} as {{ dbt.type_string() }})
            and exposures.unit = {{ causalops.text_literal(source.name) }}
        inner join windows
            on windows.experiment_id = exposures.experiment_id
            and windows.fact = {{ causalops.text_literal(source.input_model) }}
        {%- if times.day %}
        where {{ times.day }} <= exposures.as_of_date
            and (
                exposures.exposure_day is null
                or ({{ offset }} < 0 and {{ offset }} >= -windows.longest_pre)
                or (
                    {{ times.is_after }}
                    and ({{ offset }} <= windows.last_day or (windows.is_open and {{ offset }} <= exposures.open_to))
                )
            )
        {%- endif %}
    ) as events
    group by experiment_id, unit_id, day_offset
{%- endmacro %}
