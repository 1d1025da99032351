{# The local day of this run: rows of this day and later are not complete yet. #}
{% macro run_day() -%}
    {%- set zone = modules.pytz.timezone(var('timezone')) -%}
    {%- set today = run_started_at.astimezone(zone).date() -%}
    cast('{{ today.isoformat() }}' as date)
{%- endmacro %}

{# A run for a past day (`causalops_as_of`) recomputes closed experiments too. #}
{% macro is_current_run() -%}
    {{ 'true' if var('causalops_as_of', none) is none else 'false' }}
{%- endmacro %}

{# The last day this run may look at: yesterday, or `causalops_as_of`. #}
{% macro last_visible_day() -%}
    {%- set as_of = var('causalops_as_of', none) -%}
    {%- if as_of is none -%}
        cast({{ dbt.dateadd('day', -1, causalops.run_day()) }} as date)
    {%- else -%}
        cast({{ causalops.text_literal(as_of) }} as date)
    {%- endif -%}
{%- endmacro %}

{# The as_of_date of an experiment without any timestamp. #}
{% macro untimed_day() -%}
    {{ causalops.run_day() if var('causalops_as_of', none) is none else causalops.last_visible_day() }}
{%- endmacro %}
