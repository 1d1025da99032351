-- One row per page load in May 2025. Load time depends on the user's device far more than on the page,
-- so the loads of one user move together. TRUE effect: `lazy` of lazy_images loads every page 10 % faster.
with loads as (
    select
        visits.user_id,
        visits.visit_day,
        visits.visited_at + to_seconds(20 * pages.page) as loaded_at,
        visits.visit_id || ':' || pages.page as load_id
    from {{ ref('fct_visits') }} as visits
    inner join range(1, 14) as pages (page)
        on pages.page <= visits.pages
    where visits.visit_day between date '2025-05-01' and date '2025-05-31'
),

-- A sum of three uniform numbers is close to a normal one.
devices as (
    select
        user_id,
        {{ uniform("'device'", 'user_id') }} + {{ uniform("'network'", 'user_id') }}
            + {{ uniform("'browser'", 'user_id') }} - 1.5 as slowness
    from {{ ref('shop_users') }}
),

faster as (
    select user_id, first_day, last_day
    from {{ ref('shop_assignments') }}
    where flag = 'lazy_images' and arm = 'lazy'
)

select
    loads.load_id,
    loads.user_id,
    loads.loaded_at,
    round(
        700 * exp(1.3 * devices.slowness + 1.2 * ({{ uniform("'load'", 'loads.load_id') }} - 0.5))
        * case when faster.user_id is null then 1 else 0.9 end,
        1
    ) as ms
from loads
inner join devices on loads.user_id = devices.user_id
left join faster
    on loads.user_id = faster.user_id
    and loads.visit_day between faster.first_day and faster.last_day
