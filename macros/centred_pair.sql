{# Sums of shifted pairs over more cells: they add up, since the shift is one constant per part. #}
{% macro summed_pairs(cells, keys) -%}
    select
        {{ keys | join(', ') }},
        cast(sum(n) as {{ dbt.type_bigint() }}) as n,
        max(shift_a) as shift_a,
        max(shift_b) as shift_b,
        sum(sum_a) as sum_a,
        sum(sum_b) as sum_b,
        sum(sum_ab) as sum_ab,
        sum(sum_aaa) as sum_aaa
    from {{ cells }}
    group by {{ keys | join(', ') }}
{%- endmacro %}

{# n, means, the centred cross-product and the third central moment from shifted sums. #}
{% macro centred_pair() -%}
    n,
    shift_a + sum_a / n as mean_a,
    shift_b + sum_b / n as mean_b,
    sum_ab - sum_a * sum_b / n as c_ab,
    sum_aaa - 3 * sum_a / n * sum_ab + 2 * sum_a * sum_a / n * sum_a / n as m3
{%- endmacro %}
