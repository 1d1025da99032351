{# The variant of a unit or a cluster, fixed by its id and a salt, for an assignment model:
   assigned_variant('clusters.cluster_id', 'feed_ranking', {'control': 1, 'treatment': 1}).
   `id` is a SQL expression (NULL gives NULL), `salt` a text; the order of the weights counts.
   The twin in Python is causalops.assignment.assigned_variant. #}
{% macro assigned_variant(id, salt, weights) -%}
    {%- set sums = namespace(total=0, reached=0) -%}
    {%- for weight in weights.values() -%}
        {%- if weight is not number or weight is boolean or not 0 < weight < 1e300 -%}
            {{ exceptions.raise_compiler_error('assigned_variant: every weight must be a positive number, not ' ~ weight) }}
        {%- endif -%}
        {%- set sums.total = sums.total + weight -%}
    {%- endfor -%}
    {%- if not weights -%}
        {{ exceptions.raise_compiler_error('assigned_variant: weights must map at least one variant to a positive number') }}
    {%- endif -%}
    {%- set unit = 'cast(' ~ id ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {%- set draw = causalops.sha256_integer(causalops.text_literal(salt ~ ':') ~ ' || ' ~ unit) -%}
    case
        when {{ id }} is null then null
        {%- for variant, weight in weights.items() %}
        {%- set sums.reached = sums.reached + weight %}
        {%- if not loop.last %}
        when {{ draw }} < {{ (sums.reached / sums.total * 16 ** 15) | int }} then {{ causalops.text_literal(variant) }}
        {%- else %}
        else {{ causalops.text_literal(variant) }}
        {%- endif %}
        {%- endfor %}
    end
{%- endmacro %}
