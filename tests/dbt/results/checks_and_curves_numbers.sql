-- P-values lie in [0, 1]; bands are ordered.
select experiment_id, version
from {{ ref('causalops', 'experiment_checks_history') }}
where not (p_value between 0 and 1) or not (p_adjusted between 0 and 1)
union all
select experiment_id, version
from {{ ref('causalops', 'experiment_curves_history') }}
where y_low > y_high
