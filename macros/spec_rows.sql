{# The declarations found in dbt's graph, one dict per row of `experiment_specs`. #}
{% macro spec_rows(listed) -%}
    {%- set rows = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') -%}
        {%- set meta = node.config.get('meta', {}) or {} -%}
        {%- set declared = meta.get('causalops') -%}
        {%- set block = meta.get('causalops_spec') -%}
        {%- set is_mapping = declared is mapping -%}
        {%- if block is not none or 'experiment' in node.tags or (is_mapping and 'design' in declared) -%}
            {%- set form = 'both' if block is not none and declared is not none
                else 'block' if block is not none
                else 'properties' if declared is not none else 'none' -%}
            {%- do rows.append({
                'row_kind': 'experiment', 'name': node.name, 'file': node.original_file_path,
                'payload': {'form': form, 'text': block, 'spec': declared},
            }) -%}
        {%- elif declared is not none or node.name in listed -%}
            {%- set spec = {'listed': node.name in listed, 'lists': []} -%}
            {%- for list in ['assignment_models', 'fact_models', 'dataset_models'] if node.name in (var(list) or []) -%}
                {%- do spec['lists'].append(list) -%}
            {%- endfor -%}
            {%- do spec.update(declared if is_mapping else {}) -%}
            {%- do rows.append({
                'row_kind': 'input', 'name': node.name, 'payload': spec,
                'file': (node.patch_path or node.original_file_path).split('://')[-1],
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in listed -%}
        {%- do rows.append({'row_kind': 'column', 'name': name, 'file': none, 'payload': []}) -%}
    {%- endfor -%}
    {%- do rows.append({'row_kind': 'settings', 'name': 'settings', 'file': 'dbt_project.yml', 'payload': causalops.settings()}) -%}
    {{ return(rows) }}
{%- endmacro %}
