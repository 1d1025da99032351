{# The rows of one assignment model for every experiment that reads it through this unit. #}
{% macro exposure_branch(source, slots) -%}
    {%- set map = source.payload -%}
    {%- set text = dbt.type_string() -%}
    {%- set kind = map.timestamp.kind if map.timestamp else none -%}
    {%- set exposed_at = causalops.to_utc('source.' ~ adapter.quote(map.timestamp.column), kind) if map.timestamp else 'cast(null as ' ~ dbt.type_timestamp() ~ ')' %}
    select
        readings.source_key,
        readings.experiment_id,
        readings.first_day,
        cast(source.{{ adapter.quote(source.unit_column) }} as {{ text }}),
        cast(source.{{ adapter.quote(map.variant) }} as {{ text }}),
        {# A day-grain stamp has no hour: the whole exposure day counts. -#}
        {{ 'cast(null as ' ~ dbt.type_timestamp() ~ ')' if kind == 'date' else exposed_at }} as exposed_at,
        {% if kind %}{{ causalops.local_day(exposed_at, kind, var('timezone')) }}{% else %}cast(null as date){% endif %} as day,
        {{ causalops.trigger_columns(map.trigger) }},
        {% if map.received %}{{ causalops.is_true('source.' ~ adapter.quote(map.received)) }}{% else %}false{% endif %},
        case readings.cluster_slot
            {%- for column in map.clusters %}
            when {{ loop.index }} then {{ causalops.optional_text('source', column) }}
            {%- endfor %}
            {%- if not map.clusters %} when 0 then cast(null as {{ text }}){% endif %}
        end,
        {% if map.exclude %}{{ causalops.is_true('source.' ~ adapter.quote(map.exclude)) }}{% else %}false{% endif %}
        {%- for slot in slots %},
        {{ causalops.optional_text('source', map.segments[slot - 1] if map.segments | length >= slot else none) }}
        {%- endfor %}
    from {{ ref(source.input_model) }} as source
    inner join readings
        on readings.input_model = {{ causalops.text_literal(source.input_model) }}
        and readings.unit = {{ causalops.text_literal(source.name) }}
        {%- if map.key %}
        and readings.assignment_key = cast(source.{{ adapter.quote(map.key) }} as {{ text }})
        {%- endif %}
    where source.{{ adapter.quote(source.unit_column) }} is not null
        {%- if kind %}
        and {{ causalops.local_day(exposed_at, kind, var('timezone')) }} >= readings.read_from
        and {{ causalops.local_day(exposed_at, kind, var('timezone')) }} < {{ causalops.run_day() }}
        {%- endif %}
{%- endmacro %}

{# The columns of exposure_branch, typed, without a row. #}
{% macro empty_exposure_rows(slots) -%}
    {%- set text = dbt.type_string() -%}
    select
        cast(null as {{ dbt.type_bigint() }}) as source_key,
        cast(null as {{ text }}) as experiment_id,
        cast(null as date) as kept_from,
        cast(null as {{ text }}) as unit_id,
        cast(null as {{ text }}) as variant,
        cast(null as {{ dbt.type_timestamp() }}) as exposed_at,
        cast(null as date) as day,
        cast(null as {{ dbt.type_timestamp() }}) as triggered_at,
        cast(null as date) as trigger_day,
        cast(null as boolean) as is_triggered,
        cast(null as boolean) as has_trigger,
        cast(null as boolean) as log_received,
        cast(null as {{ text }}) as cluster_id,
        cast(null as boolean) as is_excluded
        {%- for slot in slots %},
        cast(null as {{ text }}) as seg_{{ slot }}
        {%- endfor %}
    where 1 = 0
{%- endmacro %}

{# triggered_at, trigger_day, is_triggered, has_trigger: a trigger is a timestamp or a flag. #}
{% macro trigger_columns(trigger) -%}
    {%- set none_at = 'cast(null as ' ~ dbt.type_timestamp() ~ '), cast(null as date)' -%}
    {%- if not trigger -%}
        {{ none_at }}, false, false
    {%- elif trigger.kind == 'boolean' -%}
        {{ none_at }}, {{ causalops.is_true('source.' ~ adapter.quote(trigger.column)) }}, true
    {%- else -%}
        {%- set at = causalops.to_utc('source.' ~ adapter.quote(trigger.column), trigger.kind) -%}
        {{ at }}, {{ causalops.local_day(at, trigger.kind, var('timezone')) }}, false, true
    {%- endif -%}
{%- endmacro %}

{% macro optional_text(alias, column) -%}
    {%- if column -%}cast({{ alias }}.{{ adapter.quote(column) }} as {{ dbt.type_string() }})
    {%- else -%}cast(null as {{ dbt.type_string() }}){%- endif -%}
{%- endmacro %}

{# True for boolean true, a number other than zero, and the words true, t, yes, y. #}
{% macro is_true(column) -%}
    coalesce(
        lower(cast({{ column }} as {{ dbt.type_string() }})) in ('true', 't', 'yes', 'y')
        or {{ causalops.safe_cast('cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')', causalops.type_double()) }} <> 0,
        false
    )
{%- endmacro %}
