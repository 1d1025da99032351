-- grain: experiment_id, version, metric, variant. the scorecard of every committed version.
{{ config(materialized='view') }}

select
    {{ causalops.contract_columns(model) }}
from {{ ref('causalops', 'experiment_headlines').render() }}
