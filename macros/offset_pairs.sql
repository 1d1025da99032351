{# Sums of a block's outcome parts by cohort and day after exposure, for `experiment_offset_moments`: the CTEs
   cells_<fact> of all blocks that read one row of a unit and day, in one pass over the fact, and cells_of_<block>
   of each other block, whose rows are joined by unit and day first. #}
{% macro offset_cell_ctes(blocks, facts) -%}
    {%- for fact in facts %}
    {%- set name = 'cells_' ~ loop.index -%}
    {%- set summed = [] -%}
    {%- for block in blocks if causalops.offset_cells(block, facts) == name -%}{%- do summed.append(block) -%}{%- endfor %}
    {%- if summed %}
{{ name }} as (
    {{ causalops.offset_sums(summed, 'days_' ~ loop.index) }}
),
    {%- endif %}
    {%- endfor %}
    {%- for block in blocks if causalops.offset_cells(block, facts) == 'cells_of_' ~ block.block_id %}
cells_of_{{ block.block_id }} as (
    {{ causalops.offset_sums([block], causalops.joined_days(block, facts), is_single=false) }}
),
    {%- endfor %}
{%- endmacro %}

{# Where the sums of a block stand. A count of distinct values is a second row of its unit and day. #}
{% macro offset_cells(block, facts) -%}
    {%- set names = causalops.outcome_parts(block) | map(attribute='fact') | unique | list -%}
    {%- set found = namespace(name='cells_of_' ~ block.block_id) -%}
    {%- for fact in facts if names == [fact.name] and not fact.is_distinct -%}
        {%- set found.name = 'cells_' ~ (facts.index(fact) + 1) -%}
    {%- endfor -%}
    {{ return(found.name) }}
{%- endmacro %}

{% macro joined_days(block, facts) -%}
    {%- set names = causalops.outcome_parts(block) | map(attribute='fact') | list -%}
    {%- set slots = causalops.slots_read(facts) -%}
    {%- set read = [] -%}
    {%- for fact in facts if fact.name in names -%}
        {%- do read.append('select experiment_id, unit_id, fact, variant, exposure_day, day_offset, ' ~ causalops.slot_columns('days', slots)
            ~ ' from days_' ~ loop.index ~ ' as days') -%}
    {%- endfor -%}
    ({{ read | join(' union all ') }}) as days
{%- endmacro %}

{% macro offset_sums(blocks, days, is_single=true) -%}
    {%- set key = ['experiment_id', 'variant', 'exposure_day', 'day_offset'] %}
    select
        {{ key | join(', ') }}
        {%- for block in blocks %}
        {%- for pair in causalops.outcome_pairs(block) %}
        {%- set a = pair.a ~ '_' ~ block.block_id -%}
        {%- set b = pair.b ~ '_' ~ block.block_id %},
        count({{ a }} + {{ b }}) as n_{{ pair.a }}_{{ b }},
        sum({{ a }}) as sum_a_{{ pair.a }}_{{ b }},
        sum({{ b }}) as sum_b_{{ pair.a }}_{{ b }},
        sum({{ a }} * {{ b }}) as sum_ab_{{ pair.a }}_{{ b }}
        {%- if pair.is_outcome %},
        sum({{ a }} * {{ a }} * {{ a }}) as sum_aaa_{{ pair.a }}_{{ b }}
        {%- endif %}
        {%- endfor %}
        {%- endfor %}
    from (
        select
            {{ key | join(', ') }}
            {%- for block in blocks %}
            {%- set parts = causalops.outcome_parts(block) -%}
            {%- for part in parts %},
            {#- A day without a numerator is no day of the ratio. #}
            case when {{ causalops.part_value(parts[0], is_single) }} is not null then {{ causalops.part_value(part, is_single) }} end as {{ part.name }}_{{ block.block_id }}
            {%- endfor %}
            {%- endfor %}
        from {{ days }}
        where day_offset >= 0
        {%- if not is_single %}
        group by {{ key | join(', ') }}, unit_id
        {%- endif %}
    ) as unit_days
    group by {{ key | join(', ') }}
{%- endmacro %}

{% macro outcome_parts(block) -%}
    {{ return(block.payload.parts | selectattr('name', 'in', ['y', 'z']) | list) }}
{%- endmacro %}

{% macro outcome_pairs(block) -%}
    {{ return(causalops.block_pairs({'payload': {'parts': causalops.outcome_parts(block)}})) }}
{%- endmacro %}

{# Union branches of `experiment_offset_moments`: a block's pairs over the cohorts whose window has closed. #}
{% macro offset_pairs(block, facts) -%}
    {%- for pair in causalops.outcome_pairs(block) %}
    {%- set key = pair.a ~ '_' ~ pair.b ~ '_' ~ block.block_id %}
    union all
    select
        metrics.experiment_id, metrics.metric, cells.variant, cells.day_offset, '{{ pair.a }}', '{{ pair.b }}', {{ 'true' if pair.is_zero_filled else 'false' }},
        cast(sum(n_{{ key }}) as {{ dbt.type_bigint() }}),
        sum(sum_a_{{ key }}), sum(sum_b_{{ key }}), sum(sum_ab_{{ key }}), {{ 'sum(sum_aaa_' ~ key ~ ')' if pair.is_outcome else 'null' }}
    from metrics
    inner join {{ causalops.offset_cells(block, facts) }} as cells
        on cells.experiment_id = metrics.experiment_id
        and cells.exposure_day <= metrics.mature_through
        and cells.day_offset <= metrics.mature_days
    inner join windows
        on windows.experiment_id = metrics.experiment_id
        and windows.fact = {{ causalops.text_literal(block.payload.parts[0].fact) }}
        and cells.day_offset >= windows.from_{{ block.payload.parts[0].slot }}
    where metrics.block_id = {{ block.block_id }}
    group by metrics.experiment_id, metrics.metric, cells.variant, cells.day_offset
    having sum(n_{{ key }}) > 0
    {%- endfor %}
{%- endmacro %}
