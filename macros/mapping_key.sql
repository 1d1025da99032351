{# A digest of everything that shapes the rows read through one mapping of the registry. #}
{% macro mapping_key() -%}
    md5({{ causalops.text_literal(var('timezone')) }} || '|' || input_model || '|' || name || '|' || coalesce(unit_column, '') || '|' || payload)
{%- endmacro %}
