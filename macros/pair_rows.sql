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

{# The pairs of a block from its sums, one row each: a pair is picked by its key, not by a branch of the union,
   because what a database plans grows with the branches. #}
{% macro pairs_from_sums(block, pairs, cell) -%}
    {%- set zero_filled = causalops.pair_keys(pairs | selectattr('is_zero_filled')) %}
    select
        experiment_id, analysis, metric, a, b, {{ cell | join(', ') }},
        n - absent,
        case when is_outcome then n_zero - absent end,
        case when is_outcome then n_capped end,
        case when is_outcome then n_nonfinite end,
        case when is_outcome then n_pre end,
        shift_a, shift_b,
        sum_a + absent * shift_a,
        sum_b + absent * shift_b,
        sum_ab - absent * shift_a * shift_b,
        case when is_outcome then sum_yyy + absent * shift_a * shift_a * shift_a end,
        case when is_outcome then lowest end,
        case when is_outcome then highest end
    from (
        select
            sums.experiment_id, sums.analysis, sums.metric, pairs.a, pairs.b, pairs.shift_a, pairs.shift_b,
            {% for column in cell %}sums.{{ column }}, {% endfor %}
            pairs.pair_key = 'y_y' as is_outcome,
            {#- Absent units are the population less the units with rows, so the rows are taken off here. #}
            {{ 'case when pairs.pair_key in (' ~ zero_filled ~ ') then sums.n_rows else 0 end' if zero_filled else '0' }} as absent,
            {%- for column in ['n', 'sum_a', 'sum_b', 'sum_ab'] %}
            case pairs.pair_key
                {%- for pair in pairs %} when '{{ pair.a }}_{{ pair.b }}' then sums.{{ column }}_{{ pair.a }}_{{ pair.b }}{% endfor %} end as {{ column }},
            {%- endfor %}
            sums.sum_yyy, sums.n_zero, sums.n_capped, sums.n_nonfinite, sums.n_pre, sums.lowest, sums.highest
        from block_{{ block.block_id }} as sums
        inner join shift_pairs as pairs
            on pairs.experiment_id = sums.experiment_id
            and pairs.analysis = sums.analysis
            and pairs.metric = sums.metric
            and pairs.pair_key in ({{ causalops.pair_keys(pairs) }})
    ) as picked
{%- endmacro %}

{# What absent units give to the pairs that are completed with zeros, of all blocks at once. #}
{% macro pairs_from_absent_units(zero_filled, cell) %}
    select
        metrics.experiment_id, metrics.analysis, metrics.metric, pairs.a, pairs.b,
        {% for column in cell %}exposure_cells.{{ column }}, {% endfor %}
        exposure_cells.n_units,
        case when pairs.pair_key = 'y_y' then exposure_cells.n_units end, null, null, null,
        pairs.shift_a, pairs.shift_b,
        -exposure_cells.n_units * pairs.shift_a,
        -exposure_cells.n_units * pairs.shift_b,
        exposure_cells.n_units * pairs.shift_a * pairs.shift_b,
        case when pairs.pair_key = 'y_y' then -exposure_cells.n_units * pairs.shift_a * pairs.shift_a * pairs.shift_a end,
        null, null
    from metrics
    inner join exposure_cells
        on exposure_cells.experiment_id = metrics.experiment_id
        and (exposure_cells.exposure_day <= metrics.mature_through or metrics.mature_through is null)
    inner join shift_pairs as pairs
        on pairs.experiment_id = metrics.experiment_id
        and pairs.analysis = metrics.analysis
        and pairs.metric = metrics.metric
        and case metrics.block_id
            {%- for block_id, keys in zero_filled.items() %}
            when {{ block_id }} then pairs.pair_key in ({{ keys }})
            {%- endfor %}
        end
{%- endmacro %}

{# The keys of pairs as SQL text literals. #}
{% macro pair_keys(pairs) -%}
    {%- set keys = [] -%}
    {%- for pair in pairs -%}{%- do keys.append("'" ~ pair.a ~ '_' ~ pair.b ~ "'") -%}{%- endfor -%}
    {{ return(keys | join(', ')) }}
{%- endmacro %}
