-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, variant, cluster_id, part. totals of
-- each part by cluster with an outcome. Part n_<part>: units that have it, where some do not; parts d and yd, in an
-- encouragement: units that received the treatment, and their outcome less its shift.
{%- set slots = range(1, var('max_segments') + 1) -%}
{%- set key = ['experiment_id', 'analysis', 'metric', 'population', 'segment_dim', 'segment_value', 'variant'] %}

with

cells as (
    select * from {{ ref('causalops', 'experiment_cluster_cells') }}
),

segments as (
    select experiment_id, name, slot
    from {{ ref('causalops', 'registry') }}
    where row_kind = 'segment'
),

encouragements as (
    select experiment_id from {{ ref('causalops', 'experiment_due') }} where design = 'encouragement'
),

by_population as (
    select * from ({{ causalops.populations('cells') }}) as populations
    where population <> 'crossover'
    union all
    select cells.*, 'first_variant' as population
    from cells
    where experiment_id in (select experiment_id from cells where is_crossover) and analysis = 'main'
),

by_segment as (
    select by_population.*, 'all' as segment_dim, 'all' as segment_value
    from by_population
    union all
    select
        by_population.*,
        segments.name as segment_dim,
        {{ causalops.segment_value('by_population', 'segments.slot', slots) }} as segment_value
    from by_population
    inner join segments
        on segments.experiment_id = by_population.experiment_id
    where by_population.analysis = 'main' and by_population.population = 'exposed'
),

totals as (
    select {{ key | join(', ') }}, cluster_id, part, sum(n) as n, max(shift) as shift, sum(total) as total
    from by_segment
    group by {{ key | join(', ') }}, cluster_id, part
    union all
    {{ causalops.received_parts('by_segment', key + ['cluster_id']) }}
),

kinds as (
    select {{ key | join(', ') }}, part, max(shift) as shift
    from totals
    group by {{ key | join(', ') }}, part
),

-- every part of every cluster with an outcome: a cluster none of whose units has the part has n = 0.
sized as (
    select
        held.{{ key | join(',\n        held.') }},
        held.cluster_id,
        held.n as n_units,
        kinds.part,
        kinds.shift,
        coalesce(totals.n, 0) as n,
        coalesce(totals.total, 0) as total
    from totals as held
    inner join kinds
        {%- for name in key %}
        {{ 'on' if loop.first else 'and' }} kinds.{{ name }} = held.{{ name }}
        {%- endfor %}
    left join totals
        on totals.cluster_id = held.cluster_id
        and totals.part = kinds.part
        {%- for name in key %}
        and totals.{{ name }} = held.{{ name }}
        {%- endfor %}
    where held.part = 'y' and held.n > 0
),

parts as (
    select {{ key | join(', ') }}, cluster_id, n_units, part, shift, total
    from sized
    union all
    select {{ key | join(', ') }}, cluster_id, n_units, 'n_' || part, 0.0, n
    from (
        select sized.*, min(n - n_units) over (partition by {{ key | join(', ') }}, part) as shortest
        from sized
    ) as covered
    where shortest < 0
)

select * from parts
