-- One row per experiment and user that visited while the flag was on: arm, first day, and `keep`, the
-- chance that the effect leaves this user's orders in place (1 in the best arm and for the 40 % of
-- users on an old app, who never see the change). Dropping orders makes every lift exact.
select
    arms.flag,
    visits.user_id,
    arms.arm,
    arms.next_arm,
    min(visits.visit_day) as first_day,
    arms.last_day,
    arms.lost,
    {{ uniform("'saw:' || arms.flag", 'visits.user_id') }} < 0.6 as has_seen,
    case when {{ uniform("'saw:' || arms.flag", 'visits.user_id') }} < 0.6
        then (1 + arms.lift) / (1 + arms.top_lift) else 1 end as keep
from {{ ref('fct_visits') }} as visits
inner join {{ ref('shop_arms') }} as arms
    on visits.visit_day between arms.first_day and arms.last_day
    and {{ uniform("'split:' || arms.flag", 'visits.user_id') }} >= arms.share_from
    and {{ uniform("'split:' || arms.flag", 'visits.user_id') }} < arms.share_to
group by all
