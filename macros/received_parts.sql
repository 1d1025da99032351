{# What an encouragement needs of each cluster beside its parts: how many of its units received the treatment (d),
   and their total of the outcome (yd). The calling model offers the CTE `encouragements`. #}
{% macro received_parts(cells, key) -%}
    {%- for part, total, shift in [('d', 'n', '0.0'), ('yd', 'total', 'max(shift)')] %}
    {{ 'union all' if not loop.first }}
    select
        {{ key | join(', ') }},
        '{{ part }}' as part,
        sum(n) as n,
        {{ shift }} as shift,
        sum(case when is_received then {{ total }} else 0 end) as total
    from {{ cells }}
    where part = 'y'
        and experiment_id in (select experiment_id from encouragements)
    group by {{ key | join(', ') }}
    {%- endfor %}
{%- endmacro %}
