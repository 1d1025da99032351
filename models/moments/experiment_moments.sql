-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, stratum, variant, is_received, a, b.
-- counts, means and centred second moments of each metric's own block: what every estimate needs.
{%- set slots = range(1, var('max_segments') + 1) %}

with

cells as (
    select * from {{ ref('causalops', 'experiment_cell_moments') }}
),

segments as (
    select experiment_id, name, slot
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'segment'
),

populations as (
    {{ causalops.populations('cells') }}
),

by_segment as (
    select populations.*, 'all' as segment_dim, 'all' as segment_value
    from populations
    union all
    select
        populations.*,
        segments.name as segment_dim,
        {{ causalops.segment_value('populations', 'segments.slot', slots) }} as segment_value
    from populations
    inner join segments
        on segments.experiment_id = populations.experiment_id
    where populations.analysis = 'main'
        and populations.population <> 'crossover'
),

sums as (
    {{ causalops.summed_pairs('by_segment', ['experiment_id', 'analysis', 'metric', 'population', 'segment_dim', 'segment_value', 'stratum', 'variant', 'is_received', 'a', 'b']) }}
)

select
    experiment_id,
    analysis,
    metric,
    population,
    segment_dim,
    segment_value,
    stratum,
    variant,
    is_received,
    a,
    b,
    {{ causalops.centred_pair() }}
from sums
where n > 0
