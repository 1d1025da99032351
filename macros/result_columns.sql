{# The columns of a result row and their types, in order: the SQL side of `causalops.results.RESULT_COLUMNS`. #}
{% macro result_columns() -%}
    {%- set columns = {
        'row_kind': 'text', 'experiment_id': 'text', 'analysis': 'text', 'metric': 'text',
        'variant': 'text', 'baseline': 'text', 'population': 'text', 'segment_dim': 'text',
        'segment_value': 'text', 'estimand': 'text', 'method': 'text', 'term': 'text', 'cohort': 'text',
        'period': 'text', 'parameter_name': 'text', 'parameter': 'double', 'window_kind': 'text',
        'window_start': 'integer', 'window_end': 'integer', 'scale': 'text', 'test': 'text',
        'ci_kind': 'text', 'ci_level': 'double', 'design': 'text', 'metric_role': 'text',
        'is_headline': 'boolean', 'n_variant': 'bigint', 'n_baseline': 'bigint', 'n_obs_variant': 'bigint',
        'n_obs_baseline': 'bigint', 'n_clusters_variant': 'bigint', 'n_clusters_baseline': 'bigint',
        'mean_variant': 'double', 'mean_baseline': 'double', 'sd_variant': 'double',
        'sd_baseline': 'double', 'estimate': 'double', 'std_error': 'double', 'se_kind': 'text',
        'df': 'double', 'statistic': 'double', 'p_value': 'double', 'alternative': 'text',
        'null_value': 'double', 'p_adjusted': 'double', 'p_family': 'text', 'ci_low': 'double',
        'ci_high': 'double', 'ci_shape': 'text', 'prob_better': 'double', 'expected_loss': 'double',
        'variance_reduction': 'double', 'mde': 'double', 'info_fraction': 'double', 'verdict': 'text',
        'status': 'text', 'reason_code': 'text', 'message': 'text', 'details': 'text', 'check_name': 'text',
        'day': 'date', 'covariate': 'text', 'donor': 'text', 'cutoff': 'double', 'value': 'double',
        'value_name': 'text', 'threshold': 'double', 'n': 'bigint', 'gates': 'boolean', 'curve': 'text',
        'series': 'text', 'seq': 'integer', 'x': 'double', 'x_date': 'date', 'x_label': 'text',
        'y': 'double', 'y_low': 'double', 'y_high': 'double', 'band_kind': 'text'
    } -%}
    {{ return(causalops.typed_columns(columns)) }}
{%- endmacro %}

{# What `experiment_results` adds to each row: what it belongs to and how it was made. #}
{% macro stamp_columns() -%}
    {%- set columns = {
        'desired': 'text', 'as_of_date': 'date', 'version': 'integer', 'run_id': 'text', 'analysis_hash': 'text',
        'data_fingerprint': 'text', 'method_version': 'text', 'code_version': 'text', 'computed_at': 'timestamp',
    } -%}
    {{ return(causalops.typed_columns(columns)) }}
{%- endmacro %}

{# The same mapping with the engine's own type names. #}
{% macro typed_columns(columns) -%}
    {%- set types = {
        'text': dbt.type_string(), 'double': causalops.type_double(), 'bigint': dbt.type_bigint(),
        'integer': dbt.type_int(), 'boolean': dbt.type_boolean(), 'timestamp': dbt.type_timestamp(),
    } -%}
    {%- set typed = {} -%}
    {%- for name, type in columns.items() -%}
        {%- do typed.update({name: (types[type] if type in types else type) | trim}) -%}
    {%- endfor -%}
    {{ return(typed) }}
{%- endmacro %}
