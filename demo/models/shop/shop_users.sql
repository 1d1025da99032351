-- One row per user of an invented shop. `taste` makes some users visit and buy far more often than
-- others, all year: that is why the weeks before an experiment predict the weeks in it.
with users as (
    select user_id, {{ uniform("'taste'", 'user_id') }} as taste
    from range(1, 40001) as ids (user_id)
)
select
    user_id,
    case
        when {{ uniform("'platform'", 'user_id') }} < 0.45 then 'ios'
        when {{ uniform("'platform'", 'user_id') }} < 0.80 then 'android'
        when {{ uniform("'platform'", 'user_id') }} < 0.99 then 'web'
    end as platform,                                            -- unknown (NULL) for 1 %
    case
        when {{ uniform("'country'", 'user_id') }} < 0.60 then 'KR'
        when {{ uniform("'country'", 'user_id') }} < 0.85 then 'JP'
        else 'US'
    end as country,
    {{ uniform("'bot'", 'user_id') }} < 0.005 as is_bot,
    0.04 + 0.60 * pow(taste, 6) as visits_per_day,
    0.02 + 0.55 * pow(taste, 6) as orders_per_visit,
    round(20000 * exp(1.2 * ({{ uniform("'basket'", 'user_id') }} - 0.5)), 0) as usual_amount
from users
