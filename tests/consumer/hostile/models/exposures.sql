-- 400 units, half of them in each arm.
select
    'u' || number as user_id,
    case when number % 2 = 0 then 'control' else 'green' end as arm,
    timestamp '2025-03-03' + to_hours(number % 96) as seen_at
from generate_series(1, 400) as series (number)
