{# The rows of `cells` once per population they belong to: every analysed unit, the triggered ones, and
   apart from both the units seen in several arms. #}
{% macro populations(cells) -%}
    select {{ cells }}.*, 'exposed' as population from {{ cells }} where not is_crossover
    union all
    select {{ cells }}.*, 'triggered' as population from {{ cells }} where not is_crossover and is_triggered
    union all
    select {{ cells }}.*, 'crossover' as population from {{ cells }} where is_crossover
{%- endmacro %}
