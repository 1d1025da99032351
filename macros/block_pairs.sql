{# The pairs (a, b) of a block's parts, a not after b. A pair is completed with zeros of absent units
   when the outcome and both parts treat absence as zero. #}
{% macro block_pairs(block) -%}
    {%- set parts = block.payload.parts -%}
    {%- set outcome = namespace(zero=true) -%}
    {%- for part in parts if part.name in ('y', 'z') and part.missing != 'zero' -%}
        {%- set outcome.zero = false -%}
    {%- endfor -%}
    {%- set pairs = [] -%}
    {%- for a in parts -%}
        {%- for b in parts[loop.index0:] -%}
            {%- do pairs.append({
                'a': a.name, 'b': b.name, 'is_outcome': a.name == 'y' and b.name == 'y',
                'is_zero_filled': outcome.zero and a.missing == 'zero' and b.missing == 'zero',
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(pairs) }}
{%- endmacro %}

{# One pass over a block: shifted sums of every pair, by cell. #}
{% macro block_sums(block, cell) -%}
    {%- set names = block.payload.parts | map(attribute='name') | list -%}
    {%- set present = 'units.y is not null' ~ (' and units.z is not null' if 'z' in names else '') -%}
    select
        experiment_id,
        analysis,
        metric,
        {{ cell | join(', ') }},
        count(*) as n_rows,
        {%- for pair in causalops.block_pairs(block) %}
        {%- set key = pair.a ~ '_' ~ pair.b %}
        count({{ pair.a }} + {{ pair.b }}) as n_{{ key }},
        sum(case when {{ pair.b }} is not null then {{ pair.a }} end) as sum_a_{{ key }},
        sum(case when {{ pair.a }} is not null then {{ pair.b }} end) as sum_b_{{ key }},
        sum({{ pair.a }} * {{ pair.b }}) as sum_ab_{{ key }},
        {%- endfor %}
        sum(y * y * y) as sum_yyy,
        sum(case when unshifted_y = 0 then 1 else 0 end) as n_zero,
        sum(is_capped) as n_capped,
        sum(n_nonfinite) as n_nonfinite,
        sum(has_pre) as n_pre,
        min(unshifted_y) as lowest,
        max(unshifted_y) as highest
    from (
        select
            units.experiment_id,
            units.analysis,
            units.metric,
            {%- for column in cell %}
            units.{{ column }},
            {%- endfor %}
            units.n_nonfinite,
            units.has_pre,
            units.is_capped,
            units.y as unshifted_y
            {%- for name in names %},
            case when {{ present }} then units.{{ name }} - shifts.{{ name }} end as {{ name }}
            {%- endfor %}
        from ({{ causalops.block_units(block, cell=cell) }}) as units
        inner join metric_shifts as shifts
            on shifts.experiment_id = units.experiment_id
            and shifts.analysis = units.analysis
            and shifts.metric = units.metric
    ) as shifted
    group by experiment_id, analysis, metric, {{ cell | join(', ') }}
{%- endmacro %}
