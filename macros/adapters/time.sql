{# The only two doors for a user's timestamp: to UTC, and from UTC to a local day.
   `kind` is date, timestamp (naive: UTC by definition), timestamptz or text. #}
{% macro to_utc(column, kind) -%}
    {{ return(adapter.dispatch('to_utc', 'causalops')(column, kind)) }}
{%- endmacro %}

{% macro default__to_utc(column, kind) -%}
    {%- if kind == 'timestamptz' -%}({{ column }} at time zone 'UTC')
    {%- else -%}{{ causalops.safe_cast(column, dbt.type_timestamp()) }}{%- endif -%}
{%- endmacro %}

{# A text stamp may carry its own offset; without one it is read as UTC, whatever the session's zone. #}
{% macro duckdb__to_utc(column, kind) -%}
    {%- if kind == 'timestamptz' -%}({{ column }} at time zone 'UTC')
    {%- elif kind == 'text' -%}
        case
            when regexp_matches({{ column }}, '[0-9:](Z|[+-][0-9]{2}(:?[0-9]{2})?)$')
                and regexp_matches({{ column }}, ':')
                then try_cast({{ column }} as timestamptz) at time zone 'UTC'
            else try_cast({{ column }} as timestamp)
        end
    {%- else -%}try_cast({{ column }} as timestamp){%- endif -%}
{%- endmacro %}

{# A day-grain column already is a local day. #}
{% macro local_day(utc, kind, zone) -%}
    {{ return(adapter.dispatch('local_day', 'causalops')(utc, kind, zone)) }}
{%- endmacro %}

{% macro default__local_day(utc, kind, zone) -%}
    {%- if kind == 'date' or zone == 'UTC' -%}cast({{ utc }} as date)
    {%- else -%}cast(({{ utc }} at time zone 'UTC') at time zone {{ causalops.text_literal(zone) }} as date)
    {%- endif -%}
{%- endmacro %}
