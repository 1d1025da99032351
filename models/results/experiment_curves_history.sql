-- grain: one curve point of one experiment and version. every committed version.
{{ config(materialized='view') }}

select
    {{ causalops.contract_columns(model) }}
from {{ ref('causalops', 'experiment_committed_results').render() }}
where row_kind = 'curve'
