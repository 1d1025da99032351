-- grain: one result row of one committed version. private: what the public views select from.
{{ config(materialized='view') }}
{%- set columns = (causalops.result_columns() | list) + (causalops.stamp_columns() | list) + ['row_id'] %}

with

results as (
    select * from {{ ref('causalops', 'experiment_results').render() }}
),

versions as (
    select
        experiment_id,
        version,
        run_id,
        row_number() over (partition by experiment_id order by as_of_date desc, version desc) = 1 as is_current
    from {{ ref('causalops', 'experiment_versions').render() }}
)

select
    {% for name in columns -%}
    results.{{ name }},
    {% endfor -%}
    versions.is_current
from results
inner join versions
    on versions.experiment_id = results.experiment_id
    and versions.version = results.version
    and versions.run_id = results.run_id
