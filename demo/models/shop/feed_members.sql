-- One row per user of the feed: circle (cluster), arm, and the TRUE effect of the new ranking. It raises
-- posts by 60 % for those who get it, and by 30 % for others with a friend who gets it: posts are read
-- by friends. A split by user would leave hardly any user untouched and show 1.6 / 1.3 - 1 = +23 %;
-- whole circles in one arm keep most friends together and show most of the 60 %.
with members as (
    select
        users.user_id,
        users.is_bot,
        coalesce(circles.cluster_id, cast(users.user_id as varchar)) as circle_id
    from {{ ref('shop_users') }} as users
    left join {{ ref('causalops', 'graph_clusters') }} as circles
        on circles.graph = 'feed_friends'
        and circles.unit_id = cast(users.user_id as varchar)
    where users.user_id <= 8200                                   -- the last 200 have no friends
),

drawn as (
    select
        *,
        {{ causalops.assigned_variant('circle_id', 'feed_ranking', {'control': 1, 'learned': 1}) }} as arm
    from members
),

friends as (
    select user_id, friend_id from {{ ref('feed_friends') }}
    union
    select friend_id, user_id from {{ ref('feed_friends') }}
),

touched as (
    select friends.user_id, bool_or(drawn.arm = 'learned') as has_treated_friend
    from friends
    inner join drawn on drawn.user_id = friends.friend_id
    where friends.user_id <> friends.friend_id
    group by friends.user_id
)

select
    drawn.user_id,
    drawn.is_bot,
    drawn.circle_id,
    drawn.arm,
    (1 + case when drawn.arm = 'learned' then 0.6 when touched.has_treated_friend then 0.3 else 0 end)
        / 1.6 as keep
from drawn
left join touched on touched.user_id = drawn.user_id
