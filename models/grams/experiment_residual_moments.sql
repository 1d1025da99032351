-- grain: two (a, b) or four (a, b, c, d) parts of a block after the controls, per experiment_id, analysis and metric.
-- moment: sum of the parts' product, each in standard deviations; with clusters, that of four is the sum over clusters
-- of (sum of a b) (sum of c d). n rows in n_groups clusters (or rows).
{%- set blocks = causalops.gram_blocks(ref('causalops', 'registry')) %}
-- depends_on: {{ ref('causalops', 'projections') }}

with

{{ causalops.due_datasets() }}

{% for block in blocks -%}
block_{{ block.number }} as (
    {{ causalops.residual_sums(block) }}
),

{% endfor -%}
moments as (
    select
        {%- for column in ['experiment_id', 'analysis', 'metric', 'a', 'b', 'c', 'd'] %}
        cast(null as {{ dbt.type_string() }}) as {{ column }},
        {%- endfor %}
        cast(null as {{ dbt.type_bigint() }}) as n,
        cast(null as {{ dbt.type_bigint() }}) as n_groups,
        cast(null as {{ causalops.type_double() }}) as moment
    where 1 = 0
    {%- for block in blocks %}
    {%- set names = causalops.target_names(block) %}
    {%- for pair in causalops.name_pairs(names) %}
    union all
    select {{ causalops.block_key(block) }}, '{{ pair[0] }}', '{{ pair[1] }}', null, null, n, n_groups, s_{{ pair | join('_') }}
    from block_{{ block.number }}
    where n > 0
    {%- endfor %}
    {%- for four in causalops.product_pairs(names, block.source.payload.cluster) %}
    union all
    select {{ causalops.block_key(block) }}, '{{ four | join("', '") }}', n, n_groups, f_{{ four | join('_') }}
    from block_{{ block.number }}
    where n > 0
    {%- endfor %}
    {%- endfor %}
)

select * from moments
