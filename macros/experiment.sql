{# An experiment is one file: this macro keeps its text, unparsed, and selects its scorecard rows.
   Views name relations by `render()`: under --empty dbt would otherwise cut them to no rows for good. #}
{% macro experiment() -%}
    {%- if caller is defined -%}
        {{ config(materialized='view', tags=['experiment'], meta={'causalops_spec': caller()}) }}
    {%- else -%}
        {{ config(materialized='view', tags=['experiment']) }}
    {%- endif -%}
    select *
    from {{ ref('causalops', 'experiment_scorecard').render() }}
    where experiment_id = {{ causalops.text_literal(model.name) }}
{%- endmacro %}
