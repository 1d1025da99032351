-- grain: experiment_id, variant, segment_dim, segment_value, exposure_day. units by population, enough
-- for sample-ratio tests and the exposure curve. Segments add up from cells.
{%- set slots = range(1, var('max_segments') + 1) %}

with

cells as (
    select
        experiment_id,
        variant,
        exposure_day,
        {%- for slot in slots %}
        seg_{{ slot }},
        {%- endfor %}
        sum(case when coalesce(exclusion_reason, '') not in ('outside_enrolment', 'unplanned_variant') then 1 else 0 end) as n_enrolled,
        sum(case when exclusion_reason is null then 1 else 0 end) as n_analysed,
        sum(case when exclusion_reason is null and is_triggered then 1 else 0 end) as n_triggered,
        sum(case when is_crossover and exclusion_reason in ('crossover', 'excluded', 'no_cluster') then 1 else 0 end) as n_crossover,
        sum(case when exclusion_reason = 'excluded' then 1 else 0 end) as n_excluded,
        sum(case when exclusion_reason = 'no_cluster' then 1 else 0 end) as n_unclustered,
        sum(case when exclusion_reason = 'outside_enrolment' then 1 else 0 end) as n_outside,
        sum(case when exclusion_reason = 'unplanned_variant' then 1 else 0 end) as n_unplanned
    from {{ ref('causalops', 'experiment_exposures') }}
    group by experiment_id, variant, exposure_day{% for slot in slots %}, seg_{{ slot }}{% endfor %}
),

segments as (
    select experiment_id, name, slot
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'segment'
),

by_segment as (
    select cells.*, 'all' as segment_dim, 'all' as segment_value
    from cells
    union all
    select
        cells.*,
        segments.name as segment_dim,
        {{ causalops.segment_value('cells', 'segments.slot', slots) }} as segment_value
    from cells
    inner join segments
        on segments.experiment_id = cells.experiment_id
)

select
    experiment_id,
    variant,
    segment_dim,
    segment_value,
    exposure_day
    {%- for count in ['enrolled', 'analysed', 'triggered', 'crossover', 'excluded', 'unclustered', 'outside', 'unplanned'] %},
    cast(sum(n_{{ count }}) as {{ dbt.type_bigint() }}) as n_{{ count }}
    {%- endfor %}
from by_segment
group by experiment_id, variant, segment_dim, segment_value, exposure_day
