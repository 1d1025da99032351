-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, variant, quantile_a,
-- quantile_b (a not above b). covariance of the shares of events at or below two quantiles, when units
-- are randomised and their events move together: delta method for a ratio of sums over units, with
-- each unit's events and events below (Deng, Knoblich and Lu 2018).
{%- set group = 'partition by group_id, quantile' %}

with

counts as (
    select * from {{ ref('causalops', 'experiment_value_counts') }}
),

quantile_groups as (
    select * from {{ ref('causalops', 'experiment_quantile_groups') }}
),

quantiles as (
    select * from ({{ causalops.requested_quantiles() }}) as requested where level = 'event'
),

ranks as (
    {{ causalops.quantile_ranks('quantiles', 'quantile_groups', 'counts') }}
),

cuts as (
    {{ causalops.values_at_ranks('ranks', 'counts') }}
),

unit_counts as (
    select
        units.group_id,
        cuts.quantile,
        units.unit_id,
        count(*) as n_events,
        sum(case when events.value <= cuts.value then 1 else 0 end) as n_below
    from {{ ref('causalops', 'experiment_event_units') }} as units
    inner join {{ ref('causalops', 'experiment_event_values') }} as events
        on {{ causalops.same_columns('events', 'units', ['experiment_id', 'fact', 'slot', 'unit_id']) }}
    inner join cuts
        on cuts.group_id = units.group_id
    group by units.group_id, cuts.quantile, units.unit_id
),

residuals as (
    select
        unit_counts.*,
        count(*) over ({{ group }}) as n_units,
        sum(n_events) over ({{ group }}) as n_events_all,
        n_below - sum(n_below) over ({{ group }}) * 1.0 / sum(n_events) over ({{ group }}) * n_events as residual
    from unit_counts
),

covariances as (
    select
        a.group_id,
        a.quantile as quantile_a,
        b.quantile as quantile_b,
        max(a.n_units) as n_units,
        max(a.n_events_all) as n_events,
        -- One unit has no variance.
        sum(a.residual * b.residual) * max(a.n_units) / nullif(max(a.n_units) - 1, 0)
            / max(a.n_events_all) / max(a.n_events_all) as covariance
    from residuals as a
    inner join residuals as b
        on b.group_id = a.group_id
        and b.unit_id = a.unit_id
        and b.quantile >= a.quantile
    group by a.group_id, a.quantile, b.quantile
)

select
    quantile_groups.{{ causalops.quantile_key() | join(',\n    quantile_groups.') }},
    covariances.*
from covariances
inner join quantile_groups
    on quantile_groups.group_id = covariances.group_id
