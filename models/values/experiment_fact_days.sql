-- grain: source_key (a fact by one unit), unit_id, day (NULL when untimed). kept by day: each day is a function
-- of that day's rows alone, whatever the experiments are. v_k adds up (or, for flags, is the maximum) over the
-- day's events of slot k; distinct values do not add up and are counted in experiment_distinct_days.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook={'sql': "{{ causalops.forgotten_days('fact') }}", 'transaction': false},
) }}
{%- set slots = causalops.slots_read(causalops.facts_read(ref('causalops', 'registry'))) %}
{%- for name in causalops.input_models(['fact_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

sources as (
    {{ causalops.sources_to_read('fact') }}
),

fact_days as (
    {{ causalops.columns_of(none, causalops.fact_day_columns(slots)) }}
    {%- for source in causalops.registry_rows(ref('causalops', 'registry'), 'fact') %}
    union all
    {{ causalops.fact_days_branch(source, slots) }}
    {%- endfor %}
)

select * from fact_days
