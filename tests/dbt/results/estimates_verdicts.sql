-- A blocked row has no verdict; others have one only on the headline, or where a margin or an always-valid
-- interval gives its own.
select experiment_id, version, row_id
from {{ ref('causalops', 'experiment_estimates_history') }}
where verdict is not null
    and (
        status = 'blocked'
        or analysis <> 'main'
        or not (is_headline or test = 'non_inferiority' or ci_kind = 'sequential')
    )
