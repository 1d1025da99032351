-- grain: experiment_id, analysis, metric, population, segment_dim, segment_value, variant, quantile. the
-- quantile by linear interpolation, the values at the ranks quantile -+ z times the standard error of
-- the share below it (NULL where a rank lies outside the data), and the shares tied at these values.

with

counts as (
    select * from {{ ref('causalops', 'experiment_value_counts') }}
),

quantile_groups as (
    select * from {{ ref('causalops', 'experiment_quantile_groups') }}
),

quantiles as (
    {{ causalops.requested_quantiles() }}
),

asked as (
    {{ causalops.quantile_ranks('quantiles', 'quantile_groups', 'counts') }}
),

shares as (
    select
        asked.*,
        case when asked.level = 'unit' then asked.n else events.n_units end as n_units,
        sqrt(case
            when asked.level = 'unit' then asked.quantile * (1 - asked.quantile) / asked.n
            else events.covariance
        end) as share_error
    from asked
    left join {{ ref('causalops', 'experiment_event_quantiles') }} as events
        on events.group_id = asked.group_id
        and events.quantile_a = asked.quantile
        and events.quantile_b = asked.quantile
),

ranks as (
    {%- for bound, reach in [('at', ''), ('low', ' - critical_value * share_error'), ('high', ' + critical_value * share_error')] %}
    select group_id, quantile, '{{ bound }}' as bound, n, quantile{{ reach }} as share
    from shares
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

found as (
    {{ causalops.values_at_ranks('ranks', 'counts') }}
),

bounds as (
    select
        group_id,
        quantile
        {%- for bound in ['at', 'low', 'high'] %},
        max(case when bound = '{{ bound }}' then value end) as value_{{ bound }},
        max(case when bound = '{{ bound }}' then tied end) as tied_{{ bound }}
        {%- endfor %}
    from found
    group by group_id, quantile
)

select
    quantile_groups.{{ causalops.quantile_key() | join(',\n    quantile_groups.') }},
    bounds.quantile,
    cast(shares.n_units as {{ dbt.type_bigint() }}) as n_units,
    shares.n,
    bounds.value_at as value,
    shares.share_error,
    bounds.value_low as low,
    bounds.value_high as high,
    bounds.tied_at as tied,
    greatest(bounds.tied_at, coalesce(bounds.tied_low, 0), coalesce(bounds.tied_high, 0)) as tied_near
from bounds
inner join shares
    on shares.group_id = bounds.group_id
    and shares.quantile = bounds.quantile
inner join quantile_groups
    on quantile_groups.group_id = bounds.group_id
