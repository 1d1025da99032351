-- One row per experiment and user that visited while the flag was on: arm, first day, and `keep`, the
-- chance that the effect leaves this user's orders in place (1 in the best arm and for the 40 % of
-- users on an old app, who never see the change). Dropping orders makes every lift exact.
with flags as (
    select distinct flag, first_day, last_day from {{ ref('shop_arms') }}
),

-- One draw per user, not one per visit.
drawn as (
    select
        flags.flag,
        visits.user_id,
        min(visits.visit_day) as first_day,
        {{ uniform("'split:' || flags.flag", 'visits.user_id') }} as share,
        {{ uniform("'saw:' || flags.flag", 'visits.user_id') }} < 0.6 as has_seen
    from {{ ref('fct_visits') }} as visits
    inner join flags on visits.visit_day between flags.first_day and flags.last_day
    group by flags.flag, visits.user_id
)

select
    drawn.flag,
    drawn.user_id,
    arms.arm,
    arms.next_arm,
    drawn.first_day,
    arms.last_day,
    arms.lost,
    drawn.has_seen,
    case when drawn.has_seen then (1 + arms.lift) / (1 + arms.top_lift) else 1 end as keep
from drawn
inner join {{ ref('shop_arms') }} as arms
    on arms.flag = drawn.flag
    and drawn.share >= arms.share_from
    and drawn.share < arms.share_to
