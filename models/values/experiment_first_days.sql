-- grain: source_key (a fact for one experiment), unit_id, day. kept by day: what units did on a day of the
-- exposure log at or after their first exposure of that day, which the sums of experiment_fact_days cannot tell.
-- not only a unit's first day of the log counts, as which it is can still change; days without events have no row.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook={'sql': "{{ causalops.forgotten_days('first_days') }}", 'transaction': false},
) }}
{%- set slots = causalops.slots_read(causalops.facts_read(ref('causalops', 'registry'))) %}
{%- for name in causalops.input_models(['fact_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

sources as (
    {{ causalops.sources_to_read('first_days') }}
),

exposures as (
    select
        sources.source_key,
        sources.input_model as fact,
        sources.unit,
        sources.first_day as kept_from,
        exposure_days.unit_id,
        exposure_days.day,
        exposure_days.exposed_at
    from {{ ref('causalops', 'experiment_exposure_days') }} as exposure_days
    inner join {{ ref('causalops', 'experiment_sources') }} as logs
        on logs.kind = 'exposures'
        and logs.source_key = exposure_days.source_key
    inner join sources
        on sources.experiment_id = exposure_days.experiment_id
        and sources.read_from <= exposure_days.day
    where exposure_days.day < {{ causalops.run_day() }}
),

first_days as (
    {{ causalops.columns_of(none, causalops.fact_day_columns(slots)) }}
    {%- for source in causalops.registry_rows(ref('causalops', 'registry'), 'fact') if source.payload.timestamp %}
    union all
    {{ causalops.first_days_branch(source, slots) }}
    {%- endfor %}
)

select * from first_days
