-- One row per user and day with a visit, January to May 2025. Days are days in Seoul.
with user_days as (
    select users.*, cast(days.day as date) as visit_day,
        users.user_id || ':' || cast(days.day as date) as visit_id
    from {{ ref('shop_users') }} as users
    cross join generate_series(timestamp '2025-01-01', timestamp '2025-05-31', interval 1 day)
        as days (day)
)
select
    visit_id,
    user_id,
    visit_day,
    -- UTC: Seoul is nine hours ahead, so a morning in Seoul is still the day before here.
    visit_day + to_seconds(cast(82000 * {{ uniform("'time'", 'visit_id') }} as integer))
        - interval 9 hour as visited_at,
    1 + cast(floor(12 * pow({{ uniform("'pages'", 'visit_id') }}, 2)) as integer) as pages,
    orders_per_visit,
    usual_amount
from user_days
where {{ uniform("'visit'", 'visit_id') }} < case when is_bot then 0.9 else visits_per_day end
