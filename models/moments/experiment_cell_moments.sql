-- grain: experiment_id, analysis, metric, variant, exposure_day, is_triggered, is_crossover, is_received, stratum,
-- every segment slot, a, b. sums of (value - shift) over the pairs of parts of each metric, units with
-- both parts present; absent units complete the zeros. Additive: every moments table is a sum of these.
{%- set registry = ref('causalops', 'registry') -%}
{%- set blocks = causalops.registry_rows(registry, 'block') -%}
{%- set cell = ['variant', 'exposure_day', 'is_triggered', 'is_crossover', 'is_received', 'stratum'] -%}
{%- for slot in range(1, var('max_segments') + 1) -%}{%- do cell.append('seg_' ~ slot) -%}{%- endfor %}

with

unit_values as (
    select * from {{ ref('causalops', 'experiment_unit_values') }}
),

metrics as (
    select * from {{ ref('causalops', 'experiment_metrics') }}
),

caps as (
    select * from {{ ref('causalops', 'experiment_caps') }}
),

shifts as (
    select * from {{ ref('causalops', 'experiment_shifts') }}
),

exposure_cells as (
    select experiment_id, {{ cell | join(', ') }}, count(*) as n_units
    from ({{ causalops.exposures_by_received() }}) as exposures
    where exclusion_reason is null or exclusion_reason = 'crossover'
    group by experiment_id, {{ cell | join(', ') }}
),
{{ causalops.block_ctes(blocks, cell) }}
pairs as (
    {{ causalops.all_pairs(blocks, cell) }}
)

select
    experiment_id,
    analysis,
    metric,
    {{ cell | join(',\n    ') }},
    a,
    b,
    cast(sum(n) as {{ dbt.type_bigint() }}) as n,
    max(shift_a) as shift_a,
    max(shift_b) as shift_b,
    sum(sum_a) as sum_a,
    sum(sum_b) as sum_b,
    sum(sum_ab) as sum_ab,
    sum(sum_aaa) as sum_aaa,
    cast(sum(n_zero) as {{ dbt.type_bigint() }}) as n_zero,
    cast(sum(n_capped) as {{ dbt.type_bigint() }}) as n_capped,
    cast(sum(n_nonfinite) as {{ dbt.type_bigint() }}) as n_nonfinite,
    cast(sum(n_pre) as {{ dbt.type_bigint() }}) as n_pre,
    min(lowest) as lowest,
    max(highest) as highest
from pairs
group by experiment_id, analysis, metric, {{ cell | join(', ') }}, a, b
