{# Rows of `experiment_panel_moments` from the CTEs of one metric: counts of what was found and left out,
   then sums by cohort (start NULL = never treated within the periods), period i and, of pairs, period j. #}
{% macro panel_parts(key, shape, metric) -%}
    {%- set map = shape.payload.source -%}
    {%- set t = range(1, shape.payload.periods | length + 1) -%}
    {%- set names = causalops.text_literal(map.experiment_id) ~ ' as experiment_id, ' ~ causalops.text_literal(map.analysis)
        ~ ' as analysis, ' ~ causalops.text_literal(metric.name) ~ ' as metric' -%}
    {%- set none_of = causalops.panel_nothing() -%}
    {%- for name in ['n_rows', 'n_incomplete_rows', 'n_units', 'n_complete', 'n_duplicates', 'n_switched_off', 'n_always_treated', 'n_moved'] %}
    {{ 'union all' if not loop.first }}
    select {{ names }}, '{{ name }}' as part, {{ none_of }}, {{ name }} as n, null as total from {{ key }}_tally
    {%- endfor %}
    {%- if map.unit %}
    union all
    select {{ names }}, 'level', start, null, null, null, n, level from {{ key }}_cohorts where is_kept
    union all
    select {{ names }}, 'mean', start, null, i, null, n, {{ causalops.panel_step(t) }}
    from {{ key }}_cohorts
    cross join (select i from indices where i <= {{ t | length }}) as steps
    where is_kept
    {%- if t | length > 1 %}
    union all
    select
        {{ names }}, 'pair', start, null, first.i, second.i, n,
        case first.i * 1000 + second.i
            {%- for i in range(1, t | length) %}
            {%- for j in range(i, t | length) %}
            when {{ i * 1000 + j }} then s_{{ i }}_{{ j }}
            {%- endfor %}
            {%- endfor %}
        end
    from {{ key }}_cohorts
    cross join (select i from indices where i < {{ t | length }}) as first
    inner join (select i from indices where i < {{ t | length }}) as second
        on second.i >= first.i
    where is_kept
    {%- endif %}
    {%- if causalops.panel_groups(shape) %}
    union all
    select {{ names }}, 'cluster', start, cluster_id, i, null, n, {{ causalops.panel_step(t) }}
    from {{ key }}_clusters
    cross join (select i from indices where i <= {{ t | length }}) as steps
    {%- endif %}
    {%- else %}
    union all
    select {{ names }}, 'mean', start, null, i, null, count(*), sum(u) from {{ key }}_kept group by start, i
    union all
    select {{ names }}, 'pair', start, null, i, i, count(*), sum(u * u) from {{ key }}_kept group by start, i
    union all
    select {{ names }}, 'level', null, null, null, null, 0, shift from {{ key }}_shifts
    {%- if map.cluster %}
    union all
    select {{ names }}, 'cluster', start, cluster_id, i, null, count(*), sum(u) from {{ key }}_kept group by start, cluster_id, i
    {%- endif %}
    {%- endif %}
{%- endmacro %}

{# The sum of paths in period i; the last follows from the others, as paths sum to zero. #}
{% macro panel_step(t) -%}
    {%- if t | length == 1 -%}0.0
    {%- else -%}case i {% for i in t[:-1] %}when {{ i }} then u_{{ i }} {% endfor %}else -({{ 'u_' ~ t[:-1] | join(' + u_') }}) end
    {%- endif -%}
{%- endmacro %}

{% macro panel_nothing() -%}
    cast(null as {{ causalops.type_double() }}) as start, cast(null as {{ dbt.type_string() }}) as cluster_id, cast(null as integer) as i, cast(null as integer) as j
{%- endmacro %}
