-- grain: experiment_id, unit_id. first exposure wins, by a total order over the unit's rows; a unit
-- seen in two variants is a crossover, found before exclusions and windows apply. Units that are not
-- analysed stay, with the reason. Holds only the experiments computed in this run.
{%- set registry = ref('causalops', 'registry') -%}
{%- set slots = range(1, var('max_segments') + 1) %}
{%- for name in causalops.input_models(['assignment_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

due as (
    select
        due.*,
        registry.unit,
        registry.input_model,
        registry.assignment_key,
        registry.strata_slot,
        registry.cluster_slot
    from {{ ref('causalops', 'experiment_due') }} as due
    inner join {{ registry }} as registry
        on registry.row_kind = 'experiment'
        and registry.experiment_id = due.experiment_id
    where due.is_due
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
            partition by experiment_id, unit_id
            order by
                exposure_day nulls last, exposed_at nulls last, variant nulls last, triggered_at nulls last,
                is_triggered desc nulls last, cluster_id nulls last
                {%- for slot in slots %}, seg_{{ slot }} nulls last{% endfor %}
        ) as exposure_number,
        min(variant) over (partition by experiment_id, unit_id) as lowest_variant,
        max(variant) over (partition by experiment_id, unit_id) as highest_variant,
        max(case when variant is null then 1 else 0 end) over (partition by experiment_id, unit_id) as n_unnamed,
        min(triggered_at) over (partition by experiment_id, unit_id) as first_triggered_at,
        max(case when is_triggered then 1 else 0 end) over (partition by experiment_id, unit_id) as n_triggered,
        max(case when log_received then 1 else 0 end) over (partition by experiment_id, unit_id) as n_received,
        max(case when is_excluded then 1 else 0 end) over (partition by experiment_id, unit_id) as n_excluded
    from logged
),

first_exposures as (
    select
        ordered.experiment_id,
        ordered.unit_id,
        coalesce(ordered.variant, '(none)') as variant,
        ordered.exposed_at,
        ordered.exposure_day,
        coalesce(
            ordered.lowest_variant <> ordered.highest_variant
            or (ordered.n_unnamed = 1 and ordered.lowest_variant is not null),
            false
        ) as is_crossover,
        ordered.n_triggered = 1 as is_triggered,
        ordered.first_triggered_at as triggered_at,
        ordered.n_received = 1 as log_received,
        ordered.cluster_id,
        ordered.has_trigger,
        variants.name is not null as is_planned,
        coalesce(ordered.exposure_day >= due.start_date, true)
            and coalesce(ordered.exposure_day <= due.end_date, true) as is_enrolled,
        ordered.n_excluded = 1 as is_excluded,
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
