-- One row per order. Orders follow visits; the planted effects (shop_arms) take some away again.
with placed as (
    select
        visit_id as order_id, user_id, visit_day,
        visited_at + interval 10 minute as ordered_at,
        round(usual_amount * exp(1.6 * ({{ uniform("'amount'", 'visit_id') }} - 0.5)), 0) as amount,
        case when {{ uniform("'status'", 'visit_id') }} < 0.96 then 'paid' else 'cancelled' end
            as status,
        case when {{ uniform("'channel'", 'visit_id') }} < 0.7 then 'app' else 'web' end as channel,
        {{ uniform("'refund'", 'visit_id') }} < 0.15 as is_refunded
    from {{ ref('fct_visits') }}
    where {{ uniform("'order'", 'visit_id') }} < orders_per_visit
),

kept as (
    select placed.*
    from placed
    where not exists (
        select 1
        from {{ ref('shop_assignments') }} as effects
        where placed.user_id = effects.user_id
            and placed.visit_day between effects.first_day and effects.last_day
            and {{ uniform("'keep:' || effects.flag", 'effects.user_id') }} >= effects.keep
    )
)

select order_id, user_id, ordered_at, amount, status, channel, is_refunded from kept
union all
-- A clock set wrong: dated in the future, hence never counted.
select 'wrong-clock', 1, timestamp '2099-01-01 00:00:00', 990000, 'paid', 'web', false
