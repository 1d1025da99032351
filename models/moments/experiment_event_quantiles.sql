-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, variant, quantile_a,
-- quantile_b (a not above b). covariance of the shares of events at or below two quantiles, when units
-- are randomised and their events move together: delta method for a ratio of sums over units, with
-- each unit's events and events below (Deng, Knoblich and Lu 2018).
{%- set key = causalops.quantile_key() -%}
{%- set group = 'partition by ' ~ (key + ['quantile']) | join(', ') %}

with

counts as (
    select * from {{ ref('causalops', 'experiment_value_counts') }}
),

segments as (
    select experiment_id, name, slot from {{ ref('causalops', 'registry') }} where row_kind = 'segment'
),

quantiles as (
    select * from ({{ causalops.requested_quantiles() }}) as requested where level = 'event'
),

units as (
    select quantiles.analysis, quantiles.metric, quantiles.fact, quantiles.slot, exposures.*
    from quantiles
    inner join {{ ref('causalops', 'experiment_exposures') }} as exposures
        on exposures.experiment_id = quantiles.experiment_id
        and (exposures.exposure_day <= quantiles.mature_through or quantiles.mature_through is null)
    where quantiles.position = 1
        and (exposures.exclusion_reason is null or exposures.exclusion_reason = 'crossover')
),

members as (
    {{ causalops.quantile_populations('units') }}
),

ranks as (
    {{ causalops.quantile_ranks('quantiles', 'counts') }}
),

cuts as (
    {{ causalops.values_at_ranks('ranks', 'counts') }}
),

unit_counts as (
    select
        members.{{ key | join(', members.') }},
        cuts.quantile,
        members.unit_id,
        count(*) as n_events,
        sum(case when events.value <= cuts.value then 1 else 0 end) as n_below
    from members
    inner join {{ ref('causalops', 'experiment_event_values') }} as events
        on events.experiment_id = members.experiment_id
        and events.fact = members.fact
        and events.slot = members.slot
        and events.unit_id = members.unit_id
    inner join cuts
        on {{ causalops.same_columns('cuts', 'members', key) }}
    group by members.{{ key | join(', members.') }}, cuts.quantile, members.unit_id
),

residuals as (
    select
        unit_counts.*,
        count(*) over ({{ group }}) as n_units,
        sum(n_events) over ({{ group }}) as n_events_all,
        n_below - sum(n_below) over ({{ group }}) * 1.0 / sum(n_events) over ({{ group }}) * n_events as residual
    from unit_counts
)

select
    a.{{ key | join(', a.') }},
    a.quantile as quantile_a,
    b.quantile as quantile_b,
    max(a.n_units) as n_units,
    max(a.n_events_all) as n_events,
    -- One unit has no variance.
    sum(a.residual * b.residual) * max(a.n_units) / nullif(max(a.n_units) - 1, 0)
        / max(a.n_events_all) / max(a.n_events_all) as covariance
from residuals as a
inner join residuals as b
    on {{ causalops.same_columns('b', 'a', key + ['unit_id']) }}
    and b.quantile >= a.quantile
group by a.{{ key | join(', a.') }}, a.quantile, b.quantile
