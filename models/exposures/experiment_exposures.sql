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

exposure_days as (
    select
        exposure_days.*,
        due.as_of_date,
        due.start_date,
        due.end_date,
        due.strata_slot,
        due.cluster_slot
    from {{ ref('causalops', 'experiment_exposure_days') }} as exposure_days
    inner join due
        on due.source_key = exposure_days.source_key
    where exposure_days.day <= due.as_of_date
        or exposure_days.day is null
),

units as (
    select
        experiment_id,
        unit_id,
        min(day) as first_day,
        min(lowest_variant) as lowest_variant,
        max(highest_variant) as highest_variant,
        max(case when is_unnamed then 1 else 0 end) = 1 as is_unnamed,
        min(case when trigger_day <= as_of_date then triggered_at end) as triggered_at,
        max(case when is_triggered or trigger_day <= as_of_date then 1 else 0 end) = 1 as is_triggered,
        max(case when log_received then 1 else 0 end) = 1 as log_received,
        max(case when is_excluded then 1 else 0 end) = 1 as is_excluded
    from exposure_days
    group by experiment_id, unit_id
),

first_exposures as (
    select
        units.experiment_id,
        units.unit_id,
        coalesce(first_days.variant, '(none)') as variant,
        first_days.exposed_at,
        first_days.day as exposure_day,
        coalesce(
            units.lowest_variant <> units.highest_variant
            or (units.is_unnamed and units.lowest_variant is not null),
            false
        ) as is_crossover,
        units.is_triggered,
        units.triggered_at,
        units.log_received,
        first_days.cluster_id,
        first_days.has_trigger,
        variants.name is not null as is_planned,
        coalesce(first_days.day >= first_days.start_date, true)
            and coalesce(first_days.day <= first_days.end_date, true) as is_enrolled,
        units.is_excluded,
        first_days.cluster_slot is not null and first_days.cluster_id is null as is_unclustered,
        first_days.strata_slot,
        {{ causalops.md5_integer("units.experiment_id || ':' || units.unit_id") }} % 1024 as bucket
        {%- for slot in slots %},
        coalesce(first_days.seg_{{ slot }}, '(none)') as seg_{{ slot }}
        {%- endfor %}
    from units
    -- A unit without any day has one row.
    inner join exposure_days as first_days
        on first_days.experiment_id = units.experiment_id
        and first_days.unit_id = units.unit_id
        and coalesce(first_days.day, {{ causalops.first_date() }}) = coalesce(units.first_day, {{ causalops.first_date() }})
    left join {{ registry }} as variants
        on variants.row_kind = 'variant'
        and variants.experiment_id = units.experiment_id
        and variants.name = first_days.variant
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
