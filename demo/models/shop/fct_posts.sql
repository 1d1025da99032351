-- One row per post, up to three a visit. From the start of the experiment on, posts are taken away
-- again where feed_members says so, which makes its effects exact.
with written as (
    select
        visits.user_id,
        visits.visit_day,
        visits.visit_id || ':' || drafts.draft as post_id,
        visits.visited_at + to_minutes(cast(5 * (1 + drafts.draft) as integer)) as posted_at
    from {{ ref('fct_visits') }} as visits
    cross join range(3) as drafts (draft)
    where visits.visit_day between date '2025-01-15' and date '2025-02-28'
        and {{ uniform("'post'", "visits.visit_id || ':' || drafts.draft") }} < 0.6
)
select written.post_id, written.user_id, written.posted_at
from written
inner join {{ ref('feed_members') }} as members on members.user_id = written.user_id
where written.visit_day < date '2025-02-03'
    or {{ uniform("'keep:feed_ranking'", 'written.post_id') }} < members.keep
