-- grain: experiment_id, metric, variant, day_offset, a, b. shifted sums (shift 0) of what the mature
-- units of a windowed metric did on each single day after exposure; units silent that day are zeros.
{%- set registry = ref('causalops', 'registry') -%}
{%- set facts = causalops.facts_read(registry) -%}
{%- set blocks = causalops.blocks_for(registry, 'day_offsets') %}
-- depends_on: {{ ref('causalops', 'experiment_fact_days') }}
-- depends_on: {{ ref('causalops', 'experiment_first_days') }}
-- depends_on: {{ ref('causalops', 'experiment_distinct_days') }}

with

metrics as (
    select *
    from {{ ref('causalops', 'experiment_metrics') }}
    where analysis = 'main'
        and mature_through is not null
),

exposures as (
    select experiment_id, unit_id, unit, variant, exposure_day, as_of_date, open_to
    from ({{ causalops.scanned_exposures() }}) as scanned
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
{{ causalops.unit_day_ctes(facts) }}
{{ causalops.offset_cell_ctes(blocks, facts) }}
windows as (
    select * from {{ ref('causalops', 'experiment_windows') }}
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
    {%- for block in blocks %}
    {{ causalops.offset_pairs(block, facts) }}
    {%- endfor %}
),

-- An arm that is silent on a day is all zeros, not absent.
days as (
    select distinct experiment_id, metric, day_offset, a, b, is_zero_filled
    from pairs
)

select
    days.experiment_id,
    days.metric,
    populations.variant,
    days.day_offset,
    days.a,
    days.b,
    case when days.is_zero_filled then populations.n_units else coalesce(pairs.n_present, 0) end as n,
    0.0 as shift_a,
    0.0 as shift_b,
    coalesce(pairs.sum_a, 0) as sum_a,
    coalesce(pairs.sum_b, 0) as sum_b,
    coalesce(pairs.sum_ab, 0) as sum_ab,
    coalesce(pairs.sum_aaa, 0) as sum_aaa
from days
inner join populations
    on populations.experiment_id = days.experiment_id
    and populations.metric = days.metric
left join pairs
    on pairs.experiment_id = days.experiment_id
    and pairs.metric = days.metric
    and pairs.variant = populations.variant
    and pairs.day_offset = days.day_offset
    and pairs.a = days.a
    and pairs.b = days.b
