-- Everything that is not simply fine says why.
select experiment_id, version, row_id
from {{ ref('causalops', 'experiment_estimates_history') }}
where status is null
    or (status in ('warning', 'blocked', 'skipped', 'failed') and (reason_code is null or message is null))
