{# One block per outcome and analysis of every experiment with instruments: the dataset it reads, and its
   parts (y outcome, x treatment, z1… instruments, w1… controls) with the slots that hold them. #}
{% macro gram_blocks(relation) -%}
    {%- set blocks = [] -%}
    {%- for source in causalops.registry_rows(relation, 'dataset') if source.payload.design == 'iv' -%}
        {%- set columns = source.payload['columns'] -%}
        {%- for outcome in columns | selectattr('role', 'equalto', 'metric') -%}
            {%- set parts = [{'name': 'y', 'slot': outcome.slot}] -%}
            {%- for letter, role in [('x', 'treatment'), ('z', 'instrument'), ('w', 'covariate')] -%}
                {%- for column in columns | selectattr('role', 'equalto', role) -%}
                    {%- set name = 'x' if letter == 'x' else letter ~ loop.index -%}
                    {%- do parts.append({'name': name, 'slot': column.slot}) -%}
                {%- endfor -%}
            {%- endfor -%}
            {%- do blocks.append({'number': blocks | length + 1, 'source': source, 'metric': outcome.name, 'parts': parts}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(blocks) }}
{%- endmacro %}

{# The rows of a block with one column per part. `present` is NULL where any of them, or the cluster, is missing. #}
{% macro gram_rows(block) -%}
    {%- set values = block.parts | map(attribute='slot') | map('string') | list -%}
    select
        unit_id,
        cluster_id
        {%- for part in block.parts %},
        v_{{ part.slot }} as {{ part.name }}
        {%- endfor %},
        {% if block.source.payload.cluster %}case when cluster_id is not null then {% endif -%}
        v_{{ values | join(' + v_') }}
        {%- if block.source.payload.cluster %} end{% endif %} as present
    from ({{ causalops.dataset_rows(block.source) }}) as block_rows
{%- endmacro %}

{# Shifted sums of every pair of parts over complete rows, in one row. The shifts are means of ten thousand rows:
   whichever these are, they lie within sqrt(n / 10,000) standard deviations of the means of all n, so that no more
   than a factor n / 10,000 of the last digit can be lost. #}
{% macro gram_sums(block) -%}
    {%- set names = block.parts | map(attribute='name') | list -%}
    with

    shifts as (
        select {% for name in names %}avg({{ name }}) as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
        from (
            select * from ({{ causalops.gram_rows(block) }}) as all_rows
            where present is not null
            limit 10000
        ) as some_rows
    ),

    sums as (
        select
            count(*) as n,
            {{ 'count(unit_id) - count(distinct unit_id)' if block.source.payload.unit else '0' }} as n_duplicates
            {%- for name in names %},
            sum({{ name }}) as sum_{{ name }}
            {%- endfor %}
            {%- for pair in causalops.name_pairs(names) %},
            sum({{ pair[0] }} * {{ pair[1] }}) as sum_{{ pair | join('_') }}
            {%- endfor %}
        from (
            select
                rows_of_block.unit_id
                {%- for name in names %},
                rows_of_block.{{ name }} - shifts.{{ name }} as {{ name }}
                {%- endfor %}
            from ({{ causalops.gram_rows(block) }}) as rows_of_block
            cross join shifts
            where rows_of_block.present is not null
        ) as shifted
    )

    select
        all_rows.n_rows,
        sums.n,
        sums.n_duplicates
        {%- for name in names %},
        shifts.{{ name }} + sum_{{ name }} / nullif(n, 0) as mean_{{ name }}
        {%- endfor %}
        {%- for pair in causalops.name_pairs(names) %},
        sum_{{ pair | join('_') }} - sum_{{ pair[0] }} * sum_{{ pair[1] }} / nullif(n, 0) as c_{{ pair | join('_') }}
        {%- endfor %}
    from sums
    cross join shifts
    cross join (select count(*) as n_rows from ({{ causalops.gram_rows(block) }}) as counted) as all_rows
{%- endmacro %}

{# The text columns that name a block. #}
{% macro block_key(block) -%}
    {{ causalops.text_literal(block.source.payload.experiment_id) }}, {{ causalops.text_literal(block.source.payload.analysis) }}, {{ causalops.text_literal(block.metric) }}
{%- endmacro %}
