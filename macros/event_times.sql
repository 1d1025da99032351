{# How an event of a fact lies to an exposure, as SQL over `source` and `exposures`: its time `at` in UTC, its
   local `day`, its `offset` in days from exposure ('null' without time), and whether it follows the exposure. #}
{% macro event_times(source) -%}
    {%- set stamp = source.payload.timestamp -%}
    {%- if not stamp -%}
        {{ return({'at': none, 'day': none, 'offset': 'null', 'is_after': 'true'}) }}
    {%- endif -%}
    {%- set at = causalops.to_utc('source.' ~ adapter.quote(stamp.column), stamp.kind) -%}
    {%- set day = causalops.local_day(at, stamp.kind, var('timezone')) -%}
    {%- set offset = causalops.days_between('exposures.exposure_day', day) -%}
    {%- set is_after = offset ~ ' >= 0' -%}
    {#- A day-grain stamp has no hour: the whole exposure day counts. -#}
    {%- if stamp.kind != 'date' -%}
        {%- set is_after = is_after ~ ' and coalesce(' ~ at ~ ' >= exposures.exposed_at, true)' -%}
    {%- endif -%}
    {{ return({'at': at, 'day': day, 'offset': offset, 'is_after': is_after}) }}
{%- endmacro %}
