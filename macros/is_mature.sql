{# Whether the units of an exposure day have a closed window for a metric. #}
{% macro is_mature() -%}
    metrics.mature_through is null or populations.exposure_day <= metrics.mature_through
{%- endmacro %}
