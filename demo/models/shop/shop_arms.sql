-- One row per experiment and arm: who gets which arm, when, and the TRUE effect that was planted.
-- `lift` is the true relative change, against the arm with lift 0, in the chance to buy, in orders and
-- in revenue, for users who saw the change; order value and refund rate have no true effect.
-- What lazy_images changes, the time a page takes, is planted in fct_pages.
-- `lost` is the share of an arm's users whose exposure was never logged.
select
    flag, arm, share_from, share_to, lift, lost,
    max(lift) over (partition by flag) as top_lift,
    coalesce(
        lead(arm) over (partition by flag order by share_from),
        first_value(arm) over (partition by flag order by share_from)
    ) as next_arm,
    cast(first_day as date) as first_day,
    cast(last_day as date) as last_day
from (values
    ('checkout_cta', 'control', 0.0, 0.5, 0.00, 0.00, '2025-03-03', '2025-03-30'),
    ('checkout_cta', 'short', 0.5, 1.0, 0.08, 0.00, '2025-03-03', '2025-03-30'),
    ('pricing_page', 'control', 0.0, 0.3333, 0.00, 0.00, '2025-04-01', '2025-05-04'),
    ('pricing_page', 'annual', 0.3333, 0.6667, 0.15, 0.00, '2025-04-01', '2025-05-04'),
    ('pricing_page', 'monthly', 0.6667, 1.0, 0.00, 0.00, '2025-04-01', '2025-05-04'),
    ('aa_search', 'a', 0.0, 0.5, 0.00, 0.00, '2025-04-07', '2025-04-27'),
    ('aa_search', 'b', 0.5, 1.0, 0.00, 0.00, '2025-04-07', '2025-04-27'),
    ('lazy_images', 'control', 0.0, 0.5, 0.00, 0.00, '2025-05-01', '2025-05-21'),
    ('lazy_images', 'lazy', 0.5, 1.0, 0.00, 0.00, '2025-05-01', '2025-05-21'),
    ('new_ranker', 'control', 0.0, 0.5, 0.00, 0.00, '2025-05-05', '2025-05-31'),
    ('new_ranker', 'learned', 0.5, 1.0, 0.00, 0.08, '2025-05-05', '2025-05-31')
) as arms (flag, arm, share_from, share_to, lift, lost, first_day, last_day)
