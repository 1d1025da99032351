{# Rows of `experiment_cell_moments`: the columns, what units with events give, what absent units give. #}
{% macro empty_pairs(cell) -%}
    select
        {%- for column in ['experiment_id', 'analysis', 'metric', 'a', 'b'] + cell %}
        cast(null as {{ 'date' if column == 'exposure_day' else 'boolean' if column[:3] == 'is_' else dbt.type_string() }}) as {{ column }},
        {%- endfor %}
        {%- for column in ['n', 'n_zero', 'n_capped', 'n_nonfinite', 'n_pre'] %}
        cast(null as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        {%- for column in ['shift_a', 'shift_b', 'sum_a', 'sum_b', 'sum_ab', 'sum_aaa', 'lowest', 'highest'] %}
        cast(null as {{ causalops.type_double() }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    where 1 = 0
{%- endmacro %}

{% macro pair_from_sums(block, pair, cell) -%}
    {%- set key = pair.a ~ '_' ~ pair.b -%}
    {%- set outcome = pair.is_outcome -%}
    {#- Absent units are the population less the units with rows, so the rows are taken off here. -#}
    {%- set absent = 'sums.n_rows' if pair.is_zero_filled else '0' %}
    select
        sums.experiment_id, sums.analysis, sums.metric, '{{ pair.a }}', '{{ pair.b }}',
        {% for column in cell %}sums.{{ column }}, {% endfor %}
        sums.n_{{ key }} - {{ absent }},
        {{ 'sums.n_zero - ' ~ absent if outcome else 'null' }},
        {{ 'sums.n_capped' if outcome else 'null' }},
        {{ 'sums.n_nonfinite' if outcome else 'null' }},
        {{ 'sums.n_pre' if outcome else 'null' }},
        shift_a.shift, shift_b.shift,
        sums.sum_a_{{ key }} + {{ absent }} * shift_a.shift,
        sums.sum_b_{{ key }} + {{ absent }} * shift_b.shift,
        sums.sum_ab_{{ key }} - {{ absent }} * shift_a.shift * shift_b.shift,
        {{ 'sums.sum_yyy + ' ~ absent ~ ' * shift_a.shift * shift_a.shift * shift_a.shift' if outcome else 'null' }},
        {{ 'sums.lowest, sums.highest' if outcome else 'null, null' }}
    from block_{{ block.block_id }} as sums
    {{ causalops.pair_shifts('sums', pair) }}
{%- endmacro %}

{% macro pair_from_absent_units(block, pair, cell) -%}
    {%- set outcome = pair.is_outcome %}
    select
        metrics.experiment_id, metrics.analysis, metrics.metric, '{{ pair.a }}', '{{ pair.b }}',
        {% for column in cell %}exposure_cells.{{ column }}, {% endfor %}
        exposure_cells.n_units,
        {{ 'exposure_cells.n_units' if outcome else 'null' }}, null, null, null,
        shift_a.shift, shift_b.shift,
        -exposure_cells.n_units * shift_a.shift,
        -exposure_cells.n_units * shift_b.shift,
        exposure_cells.n_units * shift_a.shift * shift_b.shift,
        {{ '-exposure_cells.n_units * shift_a.shift * shift_a.shift * shift_a.shift' if outcome else 'null' }},
        null, null
    from metrics
    inner join exposure_cells
        on exposure_cells.experiment_id = metrics.experiment_id
        and (exposure_cells.exposure_day <= metrics.mature_through or metrics.mature_through is null)
    {{ causalops.pair_shifts('metrics', pair) }}
    where metrics.block_id = {{ block.block_id }}
{%- endmacro %}

{% macro pair_shifts(alias, pair) -%}
    {%- for side in ['a', 'b'] %}
    inner join shifts as shift_{{ side }}
        on shift_{{ side }}.experiment_id = {{ alias }}.experiment_id
        and shift_{{ side }}.analysis = {{ alias }}.analysis
        and shift_{{ side }}.metric = {{ alias }}.metric
        and shift_{{ side }}.part = '{{ pair[side] }}'
    {%- endfor %}
{%- endmacro %}

{# The CTEs block_1, block_2, ...: shifted sums of every block's pairs, by cell. #}
{% macro block_ctes(blocks, cell) -%}
    {%- for block in blocks %}
block_{{ block.block_id }} as (
    {{ causalops.block_sums(block, cell) }}
),
    {%- endfor %}
{%- endmacro %}

{# Every pair of every block by cell, from those CTEs; `is_square` keeps the pairs of a part with itself. #}
{% macro all_pairs(blocks, cell, is_square=false) -%}
    {{ causalops.empty_pairs(cell) }}
    {%- for block in blocks %}
    {%- for pair in causalops.block_pairs(block) if pair.a == pair.b or not is_square %}
    union all
    {{ causalops.pair_from_sums(block, pair, cell) }}
    {%- if pair.is_zero_filled %}
    union all
    {{ causalops.pair_from_absent_units(block, pair, cell) }}
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
{%- endmacro %}
