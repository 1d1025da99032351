-- grain: experiment_id, analysis, metric, part. winsorising caps: the pooled quantile over all arms,
-- zeros of absent units included, linear interpolation, on mature units. Computed before moments and
-- stored. A cap equal to the minimum would make the metric constant and is not applied.
{%- set registry = ref('causalops', 'registry') %}

with

unit_values as (
    select * from {{ ref('causalops', 'experiment_unit_values') }}
),

metrics as (
    select * from {{ ref('causalops', 'experiment_metrics') }} where winsorize is not null
),

populations as (
    select
        metrics.experiment_id,
        metrics.analysis,
        metrics.metric,
        count(*) as n_units
    from metrics
    inner join {{ ref('causalops', 'experiment_exposures') }} as exposures
        on exposures.experiment_id = metrics.experiment_id
        and exposures.exclusion_reason is null
        and (exposures.exposure_day <= metrics.mature_through or metrics.mature_through is null)
    group by metrics.experiment_id, metrics.analysis, metrics.metric
),

outcome_values as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as metric,
        cast(null as {{ dbt.type_string() }}) as part,
        cast(null as boolean) as is_zero_filled,
        cast(null as {{ causalops.type_double() }}) as value
    where 1 = 0
    {%- for block in causalops.registry_rows(registry, 'block') %}
    {%- for part in block.payload.parts if part.capped %}
    union all
    select experiment_id, analysis, metric, '{{ part.name }}', {{ 'true' if part.missing == 'zero' else 'false' }}, {{ part.name }}
    from ({{ causalops.block_units(block, is_capped=false) }}) as block_units
    where not is_crossover and {{ part.name }} is not null
    {%- endfor %}
    {%- endfor %}
),

-- Absent units are zeros: they stand between the positive and the negative values of the order.
ranked as (
    select
        outcome_values.*,
        row_number() over (partition by experiment_id, analysis, metric, part order by value) as position_below,
        count(*) over (partition by experiment_id, analysis, metric, part) as n_rows
    from outcome_values
),

placed as (
    select
        ranked.*,
        metrics.winsorize,
        case when ranked.is_zero_filled then populations.n_units else ranked.n_rows end as n_units,
        case
            when ranked.is_zero_filled and ranked.value > 0 then populations.n_units - ranked.n_rows
            else 0
        end + ranked.position_below as position
    from ranked
    inner join metrics
        on metrics.experiment_id = ranked.experiment_id
        and metrics.analysis = ranked.analysis
        and metrics.metric = ranked.metric
    inner join populations
        on populations.experiment_id = ranked.experiment_id
        and populations.analysis = ranked.analysis
        and populations.metric = ranked.metric
),

quantiles as (
    select
        experiment_id,
        analysis,
        metric,
        part,
        winsorize as quantile,
        max(n_units) as n_units,
        -- A position that no row holds belongs to an absent unit: zero.
        coalesce(max(case when position = floor((n_units - 1) * winsorize) + 1 then value end), 0) as lower_value,
        coalesce(max(case when position = least(floor((n_units - 1) * winsorize) + 2, n_units) then value end), 0) as upper_value,
        max((n_units - 1) * winsorize - floor((n_units - 1) * winsorize)) as fraction,
        min(case when is_zero_filled and n_rows < n_units and value > 0 then 0 else value end) as lowest
    from placed
    group by experiment_id, analysis, metric, part, winsorize
),

capped as (
    select quantiles.*, lower_value + fraction * (upper_value - lower_value) as cap
    from quantiles
)

select
    experiment_id,
    analysis,
    metric,
    part,
    quantile,
    cap,
    cap > lowest as is_applied,
    n_units
from capped
