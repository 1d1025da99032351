{# What the controls leave of each part, in standard deviations: ((v - mean) - sum of slope (w - mean_w)) / scale,
   with the numbers of experiment_projections. Complete rows only. #}
{% macro residual_rows(block) -%}
    {%- set controls = [] -%}{%- set targets = [] -%}
    {%- for part in block.parts -%}
        {%- do (controls if part.name[0] == 'w' else targets).append(part.name) -%}
    {%- endfor %}
    select
        rows_of_block.cluster_id
        {%- for name in targets %},
        (rows_of_block.{{ name }} - numbers.mean_{{ name }}
            {%- for control in controls %}
            - numbers.slope_{{ name }}_{{ control }} * (rows_of_block.{{ control }} - numbers.mean_{{ control }})
            {%- endfor %}) / numbers.scale_{{ name }} as {{ name }}
        {%- endfor %}
    from ({{ causalops.gram_rows(block) }}) as rows_of_block
    cross join (
        select
            {%- for name in targets + controls %}
            max(case when part = '{{ name }}' and number_kind = 'mean' then number_value end) as mean_{{ name }},
            {%- endfor %}
            {%- for name in targets %}
            max(case when part = '{{ name }}' and number_kind = 'scale' then number_value end) as scale_{{ name }}{{ ',' if controls or not loop.last }}
            {%- endfor %}
            {%- for name in targets %}
            {%- set is_last = loop.last %}
            {%- for control in controls %}
            max(case when part = '{{ name }}' and number_kind = '{{ control }}' then number_value end) as slope_{{ name }}_{{ control }}{{ ',' if not (is_last and loop.last) }}
            {%- endfor %}
            {%- endfor %}
        from {{ ref('causalops', 'projections') }}
        where experiment_id = {{ causalops.text_literal(block.source.payload.experiment_id) }}
            and analysis = {{ causalops.text_literal(block.source.payload.analysis) }}
            and metric = {{ causalops.text_literal(block.metric) }}
    ) as numbers
    where rows_of_block.present is not null
{%- endmacro %}

{# Sums of products of two parts (s_a_b), and of two such products over rows, or over clusters of their sums
   within the cluster (f_a_b_c_d), in one row. #}
{% macro residual_sums(block) -%}
    {%- set names = causalops.target_names(block) -%}
    {%- set is_clustered = block.source.payload.cluster %}
    select
        {{ 'sum(n)' if is_clustered else 'count(*)' }} as n,
        count(*) as n_groups
        {%- for pair in causalops.name_pairs(names) %},
        sum(p_{{ pair | join('_') }}) as s_{{ pair | join('_') }}
        {%- endfor %}
        {%- for four in causalops.product_pairs(names, is_clustered) %},
        sum(p_{{ four[0] }}_{{ four[1] }} * p_{{ four[2] }}_{{ four[3] }}) as f_{{ four | join('_') }}
        {%- endfor %}
    from (
        select
            {{ 'count(*)' if is_clustered else '1' }} as n
            {%- for pair in causalops.name_pairs(names) %},
            {{ 'sum(' if is_clustered }}{{ pair[0] }} * {{ pair[1] }}{{ ')' if is_clustered }} as p_{{ pair | join('_') }}
            {%- endfor %}
        from ({{ causalops.residual_rows(block) }}) as residuals
        {%- if is_clustered %}
        group by cluster_id
        {%- endif %}
    ) as products
{%- endmacro %}

{# Parts that are not controls. #}
{% macro target_names(block) -%}
    {%- set names = [] -%}
    {%- for part in block.parts if part.name[0] != 'w' -%}{%- do names.append(part.name) -%}{%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# The products of two pairs (a, b, c, d) that differ: of rows any order of the four is the same, of clusters only
   the order within a pair and of the two pairs. A score never holds the outcome, so each pair holds it once at most. #}
{% macro product_pairs(names, is_clustered) -%}
    {%- set pairs = causalops.name_pairs(names) -%}
    {%- set found = [] -%}
    {%- for first in pairs -%}
        {%- for second in pairs[loop.index0:] -%}
            {%- set is_new = is_clustered or names.index(first[1]) <= names.index(second[0]) -%}
            {%- set outcomes = first.count('y'), second.count('y'), (first + second).count('y') -%}
            {%- set is_needed = outcomes[0] < 2 and outcomes[1] < 2 if is_clustered else outcomes[2] < 3 -%}
            {%- if is_new and is_needed -%}{%- do found.append(first + second) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
