{# The CTEs of all_pairs: block_1, block_2, ... with the shifted sums of every block's pairs by cell, and the
   shifts they need, of all parts of a metric in one row and of two parts in one row. #}
{% macro block_ctes(blocks, cell) -%}
    {%- set names = blocks | map(attribute='payload') | map(attribute='parts') | sum(start=[]) | map(attribute='name') | unique | list %}
metric_shifts as (
    select
        experiment_id, analysis, metric
        {%- for name in names %},
        max(case when part = '{{ name }}' then shift end) as {{ name }}
        {%- endfor %}
    from shifts
    group by experiment_id, analysis, metric
),

shift_pairs as (
    select
        shift_a.experiment_id, shift_a.analysis, shift_a.metric,
        shift_a.part as a, shift_b.part as b, shift_a.part || '_' || shift_b.part as pair_key,
        shift_a.shift as shift_a, shift_b.shift as shift_b
    from shifts as shift_a
    inner join shifts as shift_b
        on shift_b.experiment_id = shift_a.experiment_id
        and shift_b.analysis = shift_a.analysis
        and shift_b.metric = shift_a.metric
),
    {%- for block in blocks %}
block_{{ block.block_id }} as (
    {{ causalops.block_sums(block, cell) }}
),
    {%- endfor %}
{%- endmacro %}

{# Every pair of every block by cell, from those CTEs; `is_square` keeps the pairs of a part with itself. #}
{% macro all_pairs(blocks, cell, is_square=false) -%}
    {%- set zero_filled = {} -%}
    {{ causalops.empty_pairs(cell) }}
    {%- for block in blocks %}
    {%- set pairs = [] -%}
    {%- for pair in causalops.block_pairs(block) if pair.a == pair.b or not is_square -%}{%- do pairs.append(pair) -%}{%- endfor %}
    union all
    {{ causalops.pairs_from_sums(block, pairs, cell) }}
    {%- set keys = causalops.pair_keys(pairs | selectattr('is_zero_filled')) -%}
    {%- if keys -%}{%- do zero_filled.update({block.block_id: keys}) -%}{%- endif -%}
    {%- endfor %}
    {%- if zero_filled %}
    union all
    {{- causalops.pairs_from_absent_units(zero_filled, cell) }}
    {%- endif %}
{%- endmacro %}
