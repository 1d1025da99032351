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
            when regexp_matches(cast({{ column }} as varchar), '[0-9:](Z|[+-][0-9]{2}(:?[0-9]{2})?)$')
                and regexp_matches(cast({{ column }} as varchar), ':')
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
    {#- A zone cannot shift the first and last years a timestamp can hold. #}
    {%- else -%}case when {{ utc }} between timestamp '0002-01-01' and timestamp '9998-12-31' then cast(({{ utc }} at time zone 'UTC') at time zone {{ causalops.text_literal(zone) }} as date) end
    {%- endif -%}
{%- endmacro %}
