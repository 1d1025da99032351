-- grain: experiment_id, analysis, metric. the metrics computed in this run, and the last exposure day
-- whose units have a closed window (mature_through; NULL = every unit counts).

with

metrics as (
    select * from {{ ref('causalops', 'registry') }} where row_kind = 'metric'
),

due as (
    select * from {{ ref('causalops', 'experiment_due') }} where is_due
)

select
    metrics.experiment_id,
    metrics.analysis,
    metrics.metric,
    metrics.block_id,
    metrics.winsorize,
    metrics.mature_days,
    due.design,
    due.as_of_date,
    case
        when metrics.maturity = 'complete' and due.has_time and metrics.mature_days is not null
            then cast({{ dbt.dateadd('day', '-metrics.mature_days', 'due.as_of_date') }} as date)
    end as mature_through
from metrics
inner join due
    on due.experiment_id = metrics.experiment_id
