{# The local day of this run: rows of this day and later are not complete yet. #}
{% macro run_day() -%}
    {%- set zone = var('timezone') -%}
    {%- if zone not in modules.pytz.all_timezones_set -%}
        {%- if execute -%}
            {{ exceptions.raise_compiler_error("vars.causalops.timezone: '" ~ zone ~ "' is not a time zone name such as Asia/Seoul or UTC") }}
        {%- endif -%}
        {%- set zone = 'UTC' -%}
    {%- endif -%}
    cast('{{ run_started_at.astimezone(modules.pytz.timezone(zone)).date().isoformat() }}' as date)
{%- endmacro %}

{# A run for a past day (`causalops_as_of`) recomputes closed experiments too. #}
{% macro is_current_run() -%}
    {{ 'true' if var('causalops_as_of', none) is none else 'false' }}
{%- endmacro %}

{# The last day this run may look at: yesterday, or `causalops_as_of` when that is earlier. #}
{% macro last_visible_day() -%}
    {%- set yesterday = 'cast(' ~ dbt.dateadd('day', -1, causalops.run_day()) ~ ' as date)' -%}
    {%- set as_of = var('causalops_as_of', none) -%}
    {%- if as_of is none -%}
        {{ yesterday }}
    {%- else -%}
        {%- if execute and not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', as_of | string) -%}
            {{ exceptions.raise_compiler_error("causalops_as_of: '" ~ as_of ~ "' is not a date such as 2025-03-31") }}
        {%- endif -%}
        least(cast({{ causalops.text_literal(as_of) }} as date), {{ yesterday }})
    {%- endif -%}
{%- endmacro %}

{# The as_of_date of an experiment without any timestamp. #}
{% macro untimed_day() -%}
    {{ causalops.run_day() if var('causalops_as_of', none) is none else causalops.last_visible_day() }}
{%- endmacro %}
