-- Two orders per unit, some days after exposure.
select
    user_id,
    seen_at + to_hours(30 * turn) as ordered_at,
    1.0 + abs(hash(user_id || turn) % 100) / 10.0 as amount
from {{ ref('exposures') }}
cross join generate_series(0, 1) as series (turn)
