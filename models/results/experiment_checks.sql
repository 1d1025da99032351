-- grain: one check of one experiment. the current version of each.
{{ config(materialized='view') }}

select
    {{ causalops.contract_columns(model) }}
from {{ ref('causalops', 'experiment_committed_results').render() }}
where row_kind = 'check' and is_current
