-- grain: a pair (a, b) of parts of a block (outcome, treatment, instruments, controls), per experiment_id, analysis
-- and metric. n complete rows of n_rows, means, and the centred sum of products c_ab.
{%- set blocks = causalops.gram_blocks(ref('causalops', 'registry')) %}

with

{{ causalops.due_datasets() }}

{% for block in blocks -%}
block_{{ block.number }} as (
    {{ causalops.gram_sums(block) }}
),

{% endfor -%}
pairs as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as metric,
        cast(null as {{ dbt.type_string() }}) as a,
        cast(null as {{ dbt.type_string() }}) as b,
        cast(null as {{ dbt.type_bigint() }}) as n_rows,
        cast(null as {{ dbt.type_bigint() }}) as n,
        cast(null as {{ dbt.type_bigint() }}) as n_duplicates,
        cast(null as {{ causalops.type_double() }}) as mean_a,
        cast(null as {{ causalops.type_double() }}) as mean_b,
        cast(null as {{ causalops.type_double() }}) as c_ab
    where 1 = 0
    {%- for block in blocks %}
    union all
    {{ causalops.gram_pairs(block) }}
    {%- endfor %}
)

select * from pairs
