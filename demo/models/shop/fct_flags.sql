-- The exposure log: one row per experiment and visit while the flag is on, so users repeat. As in life:
-- some users are seen in two arms, some rows arrive twice, and one arm of new_ranker loses users.
with assignments as (
    select *, {{ uniform("'cross:' || flag", 'user_id') }} < 0.008 as is_crossing
    from {{ ref('shop_assignments') }}
    where {{ uniform("'lost:' || flag", 'user_id') }} >= lost
),

served as (
    select
        assignments.flag,
        assignments.user_id,
        case
            when visits.visit_day > assignments.first_day and assignments.is_crossing
                then assignments.next_arm
            else assignments.arm
        end as arm,
        visits.visit_id,
        visits.visited_at at time zone 'UTC' as seen_at,
        case when assignments.has_seen
            then (visits.visited_at + interval 1 minute) at time zone 'UTC' end as saw_at
    from assignments
    inner join {{ ref('fct_visits') }} as visits
        on assignments.user_id = visits.user_id
        and visits.visit_day between assignments.first_day and assignments.last_day
)

select served.flag, served.user_id, served.arm, served.seen_at, served.saw_at,
    users.platform, users.country, users.is_bot
from served
inner join {{ ref('shop_users') }} as users on served.user_id = users.user_id
-- The client sends 1 % of its rows twice.
cross join range(2) as copies (copy)
where copies.copy = 0 or {{ uniform("'twice:' || served.flag", 'served.visit_id') }} < 0.01
