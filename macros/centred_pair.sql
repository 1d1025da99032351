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

{# n, means, the centred cross-product and the third central moment from shifted sums. What is smaller
   than the rounding of its own terms is zero: an arm of equal values has variance 0, not 1e-16. #}
{% macro centred_pair() -%}
    n,
    {{ causalops.zero_below('shift_a + sum_a / n', '1e-14 * abs(shift_a)') }} as mean_a,
    {{ causalops.zero_below('shift_b + sum_b / n', '1e-14 * abs(shift_b)') }} as mean_b,
    {{ causalops.zero_below('sum_ab - sum_a * sum_b / n', '1e-13 * abs(sum_a * sum_b / n)') }} as c_ab,
    sum_aaa - 3 * sum_a / n * sum_ab + 2 * sum_a * sum_a / n * sum_a / n as m3
{%- endmacro %}

{% macro zero_below(value, threshold) -%}
    case when abs({{ value }}) <= {{ threshold }} then 0.0 else {{ value }} end
{%- endmacro %}
