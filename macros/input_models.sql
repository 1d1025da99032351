{# The user's models named by one of the three lists (`assignment_models`, ...), without repeats. #}
{% macro input_models(lists) -%}
    {%- set names = [] -%}
    {%- for list in lists -%}
        {%- for name in var(list) or [] -%}
            {%- if name not in names -%}{%- do names.append(name) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}
