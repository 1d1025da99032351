-- grain: a state and year
select
    state,
    year,
    packs,
    case when state = 'California' then 1989 end as programme_from
from {{ ref('cigarette_sales') }}
