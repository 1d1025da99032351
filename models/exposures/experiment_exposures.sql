-- grain: experiment_id, unit_id. first exposure wins, by a total order over the unit's rows; a unit
-- seen in two variants is a crossover, found before exclusions and windows apply. Units that are not
-- analysed stay, with the reason. Holds only the experiments computed in this run.
{%- set registry = ref('causalops', 'registry') -%}
{%- set slots = range(1, var('max_segments') + 1) %}

with

due as (
    select
        due.*,
        registry.strata_slot,
        registry.cluster_slot,
        logs.source_key
    from {{ ref('causalops', 'experiment_due') }} as due
    inner join {{ registry }} as registry
        on registry.row_kind = 'experiment'
        and registry.experiment_id = due.experiment_id
    inner join {{ ref('causalops', 'experiment_sources') }} as logs
        on logs.kind = 'exposures'
        and logs.experiment_id = due.experiment_id
    where due.is_due
),

ordered as (
    select
        exposure_days.*,
        due.as_of_date,
        row_number() over unit_rows as exposure_number,
        min(lowest_variant) over unit_days as first_name,
        max(highest_variant) over unit_days as last_name,
        max(case when is_unnamed then 1 else 0 end) over unit_days = 1 as has_unnamed,
        min(triggered_at) over unit_days as first_triggered_at,
        min(trigger_day) over unit_days as first_trigger_day,
        max(case when is_triggered then 1 else 0 end) over unit_days = 1 as is_flagged,
        max(case when log_received then 1 else 0 end) over unit_days = 1 as is_received,
        max(case when is_excluded then 1 else 0 end) over unit_days = 1 as is_marked
    from {{ ref('causalops', 'experiment_exposure_days') }} as exposure_days
    inner join due
        on due.source_key = exposure_days.source_key
    where exposure_days.day <= due.as_of_date
        or exposure_days.day is null
    window
        unit_days as (partition by exposure_days.source_key, exposure_days.unit_id),
        unit_rows as (partition by exposure_days.source_key, exposure_days.unit_id order by exposure_days.day nulls last)
),

first_exposures as (
    select
        ordered.experiment_id,
        ordered.unit_id,
        coalesce(ordered.variant, '(none)') as variant,
        ordered.exposed_at,
        ordered.day as exposure_day,
        coalesce(
            ordered.first_name <> ordered.last_name
            or (ordered.has_unnamed and ordered.first_name is not null),
            false
        ) as is_crossover,
        ordered.is_flagged or coalesce(ordered.first_trigger_day <= ordered.as_of_date, false) as is_triggered,
        case when ordered.first_trigger_day <= ordered.as_of_date then ordered.first_triggered_at end as triggered_at,
        ordered.is_received as log_received,
        ordered.cluster_id,
        ordered.has_trigger,
        variants.name is not null as is_planned,
        coalesce(ordered.day >= due.start_date, true)
            and coalesce(ordered.day <= due.end_date, true) as is_enrolled,
        ordered.is_marked as is_excluded,
        due.cluster_slot is not null and ordered.cluster_id is null as is_unclustered,
        due.strata_slot,
        {{ causalops.md5_integer("ordered.experiment_id || ':' || ordered.unit_id") }} % 1024 as bucket
        {%- for slot in slots %},
        coalesce(ordered.seg_{{ slot }}, '(none)') as seg_{{ slot }}
        {%- endfor %}
    from ordered
    inner join due
        on due.experiment_id = ordered.experiment_id
    left join {{ registry }} as variants
        on variants.row_kind = 'variant'
        and variants.experiment_id = ordered.experiment_id
        and variants.name = ordered.variant
    where ordered.exposure_number = 1
),

{{ causalops.frequent_segment_values('first_exposures', slots) }},

labelled as (
    select
        first_exposures.experiment_id,
        first_exposures.unit_id,
        first_exposures.variant,
        first_exposures.exposed_at,
        first_exposures.exposure_day,
        first_exposures.is_crossover,
        first_exposures.is_triggered,
        first_exposures.has_trigger,
        first_exposures.triggered_at,
        first_exposures.log_received,
        first_exposures.cluster_id,
        first_exposures.bucket,
        case
            when not first_exposures.is_enrolled then 'outside_enrolment'
            when not first_exposures.is_planned then 'unplanned_variant'
            when first_exposures.is_excluded then 'excluded'
            when first_exposures.is_unclustered then 'no_cluster'
            when first_exposures.is_crossover then 'crossover'
        end as exclusion_reason,
        case first_exposures.strata_slot
            {%- for slot in slots %}
            when {{ slot }} then first_exposures.seg_{{ slot }}
            {%- endfor %}
            else 'all'
        end as stratum
        {%- for slot in slots %},
        coalesce(kept_{{ slot }}.value, '(other)') as seg_{{ slot }}
        {%- endfor %}
    from first_exposures
    {%- for slot in slots %}
    left join kept_{{ slot }}
        on kept_{{ slot }}.experiment_id = first_exposures.experiment_id
        and kept_{{ slot }}.value = first_exposures.seg_{{ slot }}
    {%- endfor %}
)

select * from labelled
