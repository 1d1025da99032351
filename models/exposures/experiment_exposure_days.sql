-- grain: source_key (the exposure log of one experiment), unit_id, day (NULL when untimed). kept by day: the first
-- row of a unit's day by a total order, and what any row of that day says. Who was exposed first, and who was seen
-- in two variants, is known only over all days: experiment_exposures folds them up to its as_of_date.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook={'sql': "{{ causalops.forgotten_days('exposures') }}", 'transaction': false},
) }}
{%- set registry = ref('causalops', 'registry') -%}
{%- set slots = range(1, var('max_segments') + 1) %}
{%- for name in causalops.input_models(['assignment_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

sources as (
    {{ causalops.sources_to_read('exposures') }}
),

readings as (
    select
        sources.*,
        registry.assignment_key,
        registry.cluster_slot
    from sources
    inner join {{ registry }} as registry
        on registry.row_kind = 'experiment'
        and registry.experiment_id = sources.experiment_id
),

logged as (
    {{ causalops.empty_exposure_rows(slots) }}
    {%- for source in causalops.registry_rows(registry, 'assignment') %}
    union all
    {{ causalops.exposure_branch(source, slots) }}
    {%- endfor %}
),

ordered as (
    select
        logged.*,
        row_number() over (
            partition by source_key, unit_id, day
            order by
                exposed_at nulls last, variant nulls last, triggered_at nulls last,
                is_triggered desc nulls last, cluster_id nulls last
                {%- for slot in slots %}, seg_{{ slot }} nulls last{% endfor %}
        ) as exposure_number,
        min(variant) over unit_day as lowest_variant,
        max(variant) over unit_day as highest_variant,
        max(case when variant is null then 1 else 0 end) over unit_day = 1 as is_unnamed,
        min(triggered_at) over unit_day as first_triggered_at,
        min(trigger_day) over unit_day as first_trigger_day,
        max(case when is_triggered then 1 else 0 end) over unit_day = 1 as is_flagged,
        max(case when log_received then 1 else 0 end) over unit_day = 1 as is_received,
        max(case when is_excluded then 1 else 0 end) over unit_day = 1 as is_marked
    from logged
    window unit_day as (partition by source_key, unit_id, day)
)

select
    source_key,
    experiment_id,
    kept_from,
    unit_id,
    day,
    exposed_at,
    variant,
    lowest_variant,
    highest_variant,
    is_unnamed,
    has_trigger,
    first_triggered_at as triggered_at,
    first_trigger_day as trigger_day,
    is_flagged as is_triggered,
    is_received as log_received,
    is_marked as is_excluded,
    cluster_id
    {%- for slot in slots %},
    seg_{{ slot }}
    {%- endfor %}
from ordered
where exposure_number = 1
