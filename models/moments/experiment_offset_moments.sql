-- grain: experiment_id, metric, variant, day_offset, a, b. shifted sums (shift 0) of what the mature
-- units of a windowed metric did on each single day after exposure; units silent that day are zeros.
{%- set registry = ref('causalops', 'registry') %}

with

metrics as (
    select *
    from {{ ref('causalops', 'experiment_metrics') }}
    where analysis = 'main'
        and mature_through is not null
),

exposures as (
    select experiment_id, unit_id, variant, exposure_day
    from {{ ref('causalops', 'experiment_exposures') }}
    where exclusion_reason is null
),

populations as (
    select metrics.experiment_id, metrics.metric, exposures.variant, count(*) as n_units
    from metrics
    inner join exposures
        on exposures.experiment_id = metrics.experiment_id
        and exposures.exposure_day <= metrics.mature_through
    group by metrics.experiment_id, metrics.metric, exposures.variant
),

unit_days as (
    select
        unit_days.*,
        exposures.variant,
        exposures.exposure_day
    from {{ ref('causalops', 'experiment_unit_days') }} as unit_days
    inner join exposures
        on exposures.experiment_id = unit_days.experiment_id
        and exposures.unit_id = unit_days.unit_id
    where unit_days.day_offset >= 0
),

pairs as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as metric,
        cast(null as {{ dbt.type_string() }}) as variant,
        cast(null as {{ dbt.type_int() }}) as day_offset,
        cast(null as {{ dbt.type_string() }}) as a,
        cast(null as {{ dbt.type_string() }}) as b,
        cast(null as boolean) as is_zero_filled,
        cast(null as {{ dbt.type_bigint() }}) as n_present,
        cast(null as {{ causalops.type_double() }}) as sum_a,
        cast(null as {{ causalops.type_double() }}) as sum_b,
        cast(null as {{ causalops.type_double() }}) as sum_ab,
        cast(null as {{ causalops.type_double() }}) as sum_aaa
    where 1 = 0
    {%- for block in causalops.registry_rows(registry, 'block') %}
    {{ causalops.offset_pairs(block) }}
    {%- endfor %}
)

select
    pairs.experiment_id,
    pairs.metric,
    pairs.variant,
    pairs.day_offset,
    pairs.a,
    pairs.b,
    case when pairs.is_zero_filled then populations.n_units else pairs.n_present end as n,
    0.0 as shift_a,
    0.0 as shift_b,
    pairs.sum_a,
    pairs.sum_b,
    pairs.sum_ab,
    pairs.sum_aaa
from pairs
inner join populations
    on populations.experiment_id = pairs.experiment_id
    and populations.metric = pairs.metric
    and populations.variant = pairs.variant
