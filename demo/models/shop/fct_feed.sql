-- Exposure log of the feed experiment: one row per visit of a member while it ran.
select
    members.user_id,
    members.circle_id,
    members.arm,
    visits.visited_at at time zone 'UTC' as seen_at,
    members.is_bot
from {{ ref('feed_members') }} as members
inner join {{ ref('fct_visits') }} as visits
    on visits.user_id = members.user_id
    and visits.visit_day between date '2025-02-03' and date '2025-02-16'
