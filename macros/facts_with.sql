{# The fact mappings of which some slot has this value of an attribute. #}
{% macro facts_with(registry, attribute, value) -%}
    {%- set facts = [] -%}
    {%- for source in causalops.registry_rows(registry, 'fact') -%}
        {%- if source.payload.slots | selectattr(attribute, 'equalto', value) | list -%}{%- do facts.append(source) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(facts) }}
{%- endmacro %}
