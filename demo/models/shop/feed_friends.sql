-- Who reads whose posts: 8,000 of the users, in circles of 40. Each names five friends, one in ten of
-- them outside the own circle. Some pairs name each other, some name a friend twice.
with named as (
    select user_id, friend, user_id || ':' || friend as pick, 40 * ((user_id - 1) // 40) as circle
    from {{ ref('shop_users') }}
    cross join range(5) as friends (friend)
    where user_id <= 8000
)
select
    user_id,
    case
        when {{ uniform("'outside'", 'pick') }} < 0.1
            then 1 + cast(floor(8000 * {{ uniform("'friend'", 'pick') }}) as bigint)
        else circle + 1 + cast(floor(40 * {{ uniform("'friend'", 'pick') }}) as bigint)
    end as friend_id,
    1 + cast(floor(4 * {{ uniform("'messages'", 'pick') }}) as bigint) as messages
from named
