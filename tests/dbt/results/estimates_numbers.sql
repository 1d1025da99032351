-- Probabilities lie in [0, 1], standard errors are not negative, and a missing bound has the shape that says why.
select experiment_id, version, row_id
from {{ ref('causalops', 'experiment_estimates_history') }}
where std_error < 0
    or not (p_value between 0 and 1)
    or not (p_adjusted between 0 and 1)
    or not (prob_better between 0 and 1)
    or not (ci_level between 0 and 1)
    or ci_low > ci_high
    or ci_shape is null
    or (ci_shape = 'interval' and (ci_low is null or ci_high is null))
    or (ci_shape = 'below_only' and (ci_low is not null or ci_high is null))
    or (ci_shape = 'above_only' and (ci_low is null or ci_high is not null))
    or (ci_shape in ('whole_line', 'empty', 'none') and (ci_low is not null or ci_high is not null))
