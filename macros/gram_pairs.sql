{# The sums of a block as one row per pair of parts: picked by name, not by one branch of a union each, because
   what a database plans grows with the branches. #}
{% macro gram_pairs(block) -%}
    {%- set names = block.parts | map(attribute='name') | list %}
    select
        {{ causalops.block_key(block) }}, part_a.name, part_b.name, n_rows, n, n_duplicates,
        {%- for side in ['part_a', 'part_b'] %}
        case {{ side }}.name{% for name in names %} when '{{ name }}' then mean_{{ name }}{% endfor %} end,
        {%- endfor %}
        case part_a.name || '_' || part_b.name
            {%- for pair in causalops.name_pairs(names) %} when '{{ pair | join('_') }}' then c_{{ pair | join('_') }}{% endfor %} end
    from block_{{ block.number }}
    cross join ({{ causalops.numbered(names) }}) as part_a
    inner join ({{ causalops.numbered(names) }}) as part_b
        on part_a.place <= part_b.place
    where n_rows > 0
{%- endmacro %}

{# Names with their places as rows (name, place). #}
{% macro numbered(names) -%}
    {%- for name in names %}{{ 'union all ' if not loop.first }}select '{{ name }}' as name, {{ loop.index }} as place {% endfor -%}
{%- endmacro %}

{# Every pair (a, b) of names, a not after b. #}
{% macro name_pairs(names) -%}
    {%- set pairs = [] -%}
    {%- for a in names -%}{%- for b in names[loop.index0:] -%}{%- do pairs.append([a, b]) -%}{%- endfor -%}{%- endfor -%}
    {{ return(pairs) }}
{%- endmacro %}
