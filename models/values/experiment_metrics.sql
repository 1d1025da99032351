-- grain: experiment_id, analysis, metric. the metrics computed in this run, and the last exposure day
-- whose units have a closed window (mature_through; NULL = every unit counts). In an encouragement the window
-- of the treatment received must have closed too.

with

metrics as (
    select * from {{ ref('causalops', 'registry') }} where row_kind = 'metric'
),

received as (
    select experiment_id, day_to from {{ ref('causalops', 'registry') }} where row_kind = 'received'
),

waits as (
    select
        metrics.*,
        case
            when received.day_to > coalesce(metrics.mature_days, -1) then received.day_to
            else metrics.mature_days
        end as wait_days
    from metrics
    left join received
        on received.experiment_id = metrics.experiment_id
),

due as (
    select * from {{ ref('causalops', 'experiment_due') }} where is_due
)

select
    waits.experiment_id,
    waits.analysis,
    waits.metric,
    waits.block_id,
    waits.winsorize,
    waits.mature_days,
    due.design,
    due.as_of_date,
    case
        when waits.maturity = 'complete' and due.has_time and waits.wait_days is not null
            then cast({{ dbt.dateadd('day', '-waits.wait_days', 'due.as_of_date') }} as date)
    end as mature_through
from waits
inner join due
    on due.experiment_id = waits.experiment_id
