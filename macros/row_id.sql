{# The key columns of a result row, except as_of_date and version: a finding keeps its id over time. #}
{% macro row_id() -%}
    {%- set columns = [
        'row_kind', 'experiment_id', 'analysis', 'metric', 'estimand', 'method', 'term', 'cohort', 'period',
        'parameter_name', 'parameter', 'variant', 'baseline', 'segment_dim', 'segment_value', 'population',
        'window_kind', 'window_start', 'window_end', 'scale', 'test', 'ci_kind', 'ci_level',
        'check_name', 'day', 'covariate', 'donor', 'cutoff', 'curve', 'series', 'seq',
    ] -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append(causalops.length_prefixed(column)) -%}
    {%- endfor -%}
    {{ return(dbt.hash(parts | join(' || '))) }}
{%- endmacro %}

{# Text with its length in front, so that no value can imitate a separator; NULL differs from ''. #}
{% macro length_prefixed(column) -%}
    {%- set text = 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {{ return("coalesce(cast(length(" ~ text ~ ") as " ~ dbt.type_string() ~ ") || ':' || " ~ text ~ ", '-')") }}
{%- endmacro %}
