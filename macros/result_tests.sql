{# Rows that break a key: a NULL in a column that never is NULL, or a repeated combination. #}
{% macro broken_key(relation, columns, nullable=[]) -%}
    select '{{ relation.identifier }}' as relation_name, count(*) as n_rows
    from {{ relation }}
    group by {{ (columns + nullable) | join(', ') }}
    having count(*) > 1
        {%- for column in columns %} or max(case when {{ column }} is null then 1 else 0 end) = 1{% endfor %}
{%- endmacro %}

{# Rows whose word is not in its closed list. `lists` maps a column to its words; NULL passes. #}
{% macro unlisted_words(relation, lists) -%}
    {%- for column, words in lists.items() %}
    select '{{ column }}' as column_name, {{ column }} as word
    from {{ relation }}
    where {{ column }} not in ('{{ words | join("', '") }}')
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Rows with NaN or an infinity, both of which compare above every finite double. #}
{% macro not_finite(relation, columns) -%}
    {%- for column in columns %}
    select '{{ column }}' as column_name, experiment_id
    from {{ relation }}
    where not (abs({{ column }}) <= 1.7976931348623157e308)
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
