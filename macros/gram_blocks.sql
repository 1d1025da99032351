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

{# The rows of a block with one column per part; `is_complete` is 1 where none of them, nor the cluster, is missing. #}
{% macro gram_rows(block) -%}
    select
        unit_id,
        cluster_id
        {%- for part in block.parts %},
        v_{{ part.slot }} as {{ part.name }}
        {%- endfor %},
        case when {% for part in block.parts %}v_{{ part.slot }} is not null{{ ' and ' if not loop.last }}{% endfor %}
            {%- if block.source.payload.cluster %} and cluster_id is not null{% endif %} then 1 else 0 end as is_complete
    from ({{ causalops.dataset_rows(block.source) }}) as block_rows
{%- endmacro %}

{# Shifted sums of every pair of parts over complete rows, in one row; the shifts are the means. #}
{% macro gram_sums(block) -%}
    {%- set names = block.parts | map(attribute='name') | list -%}
    select
        n_rows,
        n,
        n_duplicates
        {%- for name in names %},
        mean_{{ name }} + sum_{{ name }} / nullif(n, 0) as mean_{{ name }}
        {%- endfor %}
        {%- for pair in causalops.name_pairs(names) %},
        sum_{{ pair | join('_') }} - sum_{{ pair[0] }} * sum_{{ pair[1] }} / nullif(n, 0) as c_{{ pair | join('_') }}
        {%- endfor %}
    from (
        select
            count(*) as n_rows,
            sum(is_complete) as n,
            {{ 'count(unit_id) - count(distinct unit_id)' if block.source.payload.unit else '0' }} as n_duplicates
            {%- for name in names %},
            max(mean_{{ name }}) as mean_{{ name }},
            sum(d_{{ name }}) as sum_{{ name }}
            {%- endfor %}
            {%- for pair in causalops.name_pairs(names) %},
            sum(d_{{ pair[0] }} * d_{{ pair[1] }}) as sum_{{ pair | join('_') }}
            {%- endfor %}
        from (
            select
                is_complete,
                case when is_complete = 1 then unit_id end as unit_id
                {%- for name in names %},
                means.{{ name }} as mean_{{ name }},
                case when is_complete = 1 then rows_of_block.{{ name }} - means.{{ name }} end as d_{{ name }}
                {%- endfor %}
            from ({{ causalops.gram_rows(block) }}) as rows_of_block
            cross join (
                select {% for name in names %}avg(case when is_complete = 1 then {{ name }} end) as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
                from ({{ causalops.gram_rows(block) }}) as all_rows
            ) as means
        ) as shifted
    ) as sums
{%- endmacro %}

{# Every pair (a, b) of names, a not after b. #}
{% macro name_pairs(names) -%}
    {%- set pairs = [] -%}
    {%- for a in names -%}{%- for b in names[loop.index0:] -%}{%- do pairs.append([a, b]) -%}{%- endfor -%}{%- endfor -%}
    {{ return(pairs) }}
{%- endmacro %}

{# The text columns that name a block. #}
{% macro block_key(block) -%}
    {{ causalops.text_literal(block.source.payload.experiment_id) }}, {{ causalops.text_literal(block.source.payload.analysis) }}, {{ causalops.text_literal(block.metric) }}
{%- endmacro %}
