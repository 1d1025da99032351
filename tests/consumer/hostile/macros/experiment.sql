{# Macros of the package's names that must not be taken for the package's. #}
{% macro experiment() -%}{{ exceptions.raise_compiler_error('the wrong experiment()') }}{%- endmacro %}

{% macro registry_rows() -%}{{ exceptions.raise_compiler_error('the wrong registry_rows()') }}{%- endmacro %}
