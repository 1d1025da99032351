{# The columns of a view's contract, in its order: each list is written once, in the YAML beside the model.
   Columns are known only while executing. #}
{% macro contract_columns(node) -%}
    {%- if not execute -%}{{ return('*') }}{%- endif -%}
    {{ return(node.columns.keys() | join(',\n    ')) }}
{%- endmacro %}
