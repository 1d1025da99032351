{# Every setting, read one by one as a scoped variable; the raw mapping only shows unknown keys. #}
{% macro settings() -%}
    {%- set known = [
        'assignment_models', 'fact_models', 'dataset_models', 'protocols', 'timezone', 'alpha', 'pre_days',
        'late_data_days', 'n_planned', 'seed', 'max_segments', 'max_segment_values', 'max_slots',
    ] -%}
    {%- set values = {'unknown_keys': []} -%}
    {%- for key in known -%}{%- do values.update({key: var(key)}) -%}{%- endfor -%}
    {%- set written = var('causalops', {}) -%}
    {%- for key in (written if written is mapping else {}) if key not in known -%}
        {%- do values['unknown_keys'].append(key) -%}
    {%- endfor -%}
    {%- set only = var('causalops_only', []) -%}
    {%- set as_of = var('causalops_as_of', none) -%}
    {%- do values.update({
        'only': [only] if only is string else only,
        'as_of': none if as_of is none else as_of | string,
        'package_version': '0.1.0',
    }) -%}
    {{ return(values) }}
{%- endmacro %}
