{# What one quantile belongs to, beside the quantile itself. #}
{% macro quantile_key() -%}
    {{ return(['experiment_id', 'analysis', 'metric', 'population', 'segment_dim', 'segment_value', 'variant']) }}
{%- endmacro %}

{# The columns of an exposure that decide its groups. #}
{% macro quantile_cell() -%}
    {%- set cell = ['variant', 'is_triggered', 'is_crossover'] -%}
    {%- for slot in range(1, var('max_segments') + 1) -%}{%- do cell.append('seg_' ~ slot) -%}{%- endfor -%}
    {{ return(cell) }}
{%- endmacro %}

{# Equality of `columns` in two relations. #}
{% macro same_columns(left, right, columns) -%}
    {%- for column in columns -%}
        {{ left }}.{{ column }} = {{ right }}.{{ column }}{% if not loop.last %} and {% endif %}
    {%- endfor -%}
{%- endmacro %}

{# Every quantile asked for in this run, with the last exposure day whose units are mature. #}
{% macro requested_quantiles() -%}
    select
        quantiles.experiment_id,
        quantiles.analysis,
        quantiles.metric,
        quantiles.name as level,
        quantiles.position,
        quantiles.quantile,
        quantiles.critical_value,
        quantiles.input_model as fact,
        quantiles.slot,
        quantiles.block_id,
        metrics.mature_through
    from {{ ref('causalops', 'registry') }} as quantiles
    inner join {{ ref('causalops', 'experiment_metrics') }} as metrics
        on metrics.experiment_id = quantiles.experiment_id
        and metrics.analysis = quantiles.analysis
        and metrics.metric = quantiles.metric
    where quantiles.row_kind = 'quantile'
{%- endmacro %}

{# The rows of `cells` once per group whose quantiles are asked for: quantiles of groups do not add up,
   so every group is ranked by itself. `first_variant` adds the units seen in several arms. The calling
   model offers the CTE `segments`. #}
{% macro quantile_populations(cells) -%}
    {%- set slots = range(1, var('max_segments') + 1) -%}
    select {{ cells }}.*, 'exposed' as population, 'all' as segment_dim, 'all' as segment_value
    from {{ cells }}
    where not is_crossover
    union all
    select {{ cells }}.*, 'triggered', 'all', 'all'
    from {{ cells }}
    where analysis = 'main' and is_triggered and not is_crossover
    union all
    select {{ cells }}.*, 'first_variant', 'all', 'all'
    from {{ cells }}
    where analysis = 'main'
        and experiment_id in (select experiment_id from {{ cells }} where is_crossover)
    union all
    select {{ cells }}.*, 'exposed', segments.name, {{ causalops.segment_value(cells, 'segments.slot', slots) }}
    from {{ cells }}
    inner join segments
        on segments.experiment_id = {{ cells }}.experiment_id
    where {{ cells }}.analysis = 'main' and not {{ cells }}.is_crossover
{%- endmacro %}

{# One row per group that has values and quantile asked of it, as ranks of the quantile itself. A
   segment is asked for the first quantile only: it is the headline, and families count it once. #}
{% macro quantile_ranks(quantiles, groups, counts) -%}
    select
        totals.group_id,
        totals.n,
        {{ quantiles }}.level,
        {{ quantiles }}.quantile,
        {{ quantiles }}.critical_value,
        'at' as bound,
        {{ quantiles }}.quantile as share
    from (
        select group_id, max(n_upto) as n from {{ counts }} group by group_id
    ) as totals
    inner join {{ groups }}
        on {{ groups }}.group_id = totals.group_id
    inner join {{ quantiles }}
        on {{ causalops.same_columns(quantiles, groups, ['experiment_id', 'analysis', 'metric']) }}
    where {{ groups }}.segment_dim = 'all' or {{ quantiles }}.position = 1
{%- endmacro %}

{# Values at ranks, by linear interpolation between the two order statistics around each: `ranks` holds
   a group, a quantile, a bound (its name), a share and n; `counts` is experiment_value_counts.
   `tied` is the larger share of observations at a value that counts; a value held once is not tied. #}
{% macro values_at_ranks(ranks, counts) -%}
    select
        group_id,
        quantile,
        bound,
        min(value) + max(fraction) * (max(value) - min(value)) as value,
        max(case when n_held > 1 then n_held else 0 end) * 1.0 / max(n) as tied
    from (
        select
            positions.*,
            {{ counts }}.value,
            {{ counts }}.n as n_held
        from (
            select
                {{ ranks }}.*,
                floor((n - 1) * share) + 1 as lower_position,
                ceil((n - 1) * share) + 1 as upper_position,
                (n - 1) * share - floor((n - 1) * share) as fraction
            from {{ ranks }}
            where share between 0 and 1
        ) as positions
        inner join {{ counts }}
            on {{ counts }}.group_id = positions.group_id
            and {{ counts }}.n_upto >= positions.lower_position
            and {{ counts }}.n_upto - {{ counts }}.n < positions.upper_position
    ) as held
    group by group_id, quantile, bound
{%- endmacro %}
