{# An experiment is one file: this macro keeps its text, unparsed, and selects its scorecard rows. #}
{% macro experiment() -%}
    {%- if caller is defined -%}
        {{ config(materialized='view', tags=['experiment'], meta={'causalops_spec': caller()}) }}
    {%- else -%}
        {{ config(materialized='view', tags=['experiment']) }}
    {%- endif -%}
    select *
    from {{ ref('causalops', 'experiment_scorecard') }}
    where experiment_id = {{ causalops.text_literal(this.name) }}
{%- endmacro %}
