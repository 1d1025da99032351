{# The commit log of earlier runs, or a typed empty select before the first one. Its relation comes
   from the graph, never from ref: the log is written downstream of everything that reads it here. #}
{% macro published_versions() -%}
    {%- set columns = {
        'experiment_id': dbt.type_string(), 'as_of_date': 'date', 'version': dbt.type_int(),
        'analysis_hash': dbt.type_string(), 'data_fingerprint': dbt.type_string(),
        'method_version': dbt.type_string(), 'protocol': dbt.type_string(), 'phase': dbt.type_string(),
        'n_input_rows': dbt.type_bigint(), 'committed_at': dbt.type_timestamp(),
    } -%}
    {%- set found = namespace(relation=none) -%}
    {%- if execute and not flags.EMPTY -%}
        {%- set node = graph.nodes['model.causalops.experiment_versions'] -%}
        {%- set found.relation = adapter.get_relation(node.database, node.schema, node.alias) -%}
    {%- endif -%}
    {{ causalops.columns_of(found.relation, columns) }}
{%- endmacro %}
