-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, variant, label, a, b. totals of
-- each part by cluster (label = cluster, n_clusters 1, a = b), or by cluster size where clusters are many
-- (label = arm and size, with sums of products of two parts).
{%- set key = ['experiment_id', 'analysis', 'metric', 'population', 'segment_dim', 'segment_value', 'variant'] %}

with

parts as (
    select * from {{ ref('causalops', 'experiment_cluster_totals') }}
),

grouped as (
    select distinct experiment_id
    from {{ ref('causalops', 'experiment_clusters') }}
    where is_grouped
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
