-- One row per child of the vitamin A trial, expanded from the published counts.
select
    row_number() over (order by arm, took_vitamin, survived, child) as child_id,
    arm,
    took_vitamin,
    case when survived then 1 else 0 end as survived
from {{ ref('vitamin_a_cells') }}
inner join range(1, 20001) as numbers (child)
    on child <= children
