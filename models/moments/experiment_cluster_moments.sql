-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, variant, label, a, b. totals of
-- each part by cluster (label = cluster, n_clusters 1, a = b), or by cluster size where clusters are many
-- (label = arm and size, with sums of products of two parts). Part n_<part>: units that have it, where some do not;
-- parts d and yd, in an encouragement: units that received the treatment, and their outcome less its shift.
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

grouped as (
    select distinct experiment_id
    from {{ ref('causalops', 'experiment_clusters') }}
    where is_grouped
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

select
    parts.{{ key | join(',\n    parts.') }},
    cluster_id as label,
    cast(1 as {{ dbt.type_bigint() }}) as n_clusters,
    cast(n_units as {{ dbt.type_bigint() }}) as n_units,
    part as a,
    part as b,
    shift as shift_a,
    cast(total as {{ causalops.type_double() }}) as sum_a,
    cast(null as {{ causalops.type_double() }}) as sum_ab
from parts
where experiment_id not in (select experiment_id from grouped)

union all

select
    parts.{{ key | join(',\n    parts.') }},
    parts.variant || ': ' || cast(parts.n_units as {{ dbt.type_string() }}) as label,
    cast(count(*) as {{ dbt.type_bigint() }}) as n_clusters,
    cast(parts.n_units as {{ dbt.type_bigint() }}) as n_units,
    parts.part as a,
    others.part as b,
    max(parts.shift) as shift_a,
    cast(sum(parts.total) as {{ causalops.type_double() }}) as sum_a,
    cast(sum(parts.total * others.total) as {{ causalops.type_double() }}) as sum_ab
from parts
inner join parts as others
    on others.cluster_id = parts.cluster_id
    {%- for name in key %}
    and others.{{ name }} = parts.{{ name }}
    {%- endfor %}
    and others.part >= parts.part
where parts.experiment_id in (select experiment_id from grouped)
group by parts.{{ key | join(', parts.') }}, parts.n_units, parts.part, others.part
