-- grain: one event of a fact within the window of an experiment's slot. only for quantiles of events,
-- which no sum per unit can give: a further scan of the facts that have such a metric, by the rules of
-- experiment_unit_values (as-of day, events after exposure, filters, finite values).
{%- set registry = ref('causalops', 'registry') %}
{%- for name in causalops.input_models(['fact_models']) %}
-- depends_on: {{ ref(name) }}
{%- endfor %}

with

-- Several metrics can share a slot, and several analyses a metric.
event_slots as (
    select distinct
        windows.experiment_id,
        windows.input_model as fact,
        windows.slot,
        windows.day_from,
        windows.day_to
    from {{ registry }} as windows
    inner join {{ registry }} as quantiles
        on quantiles.row_kind = 'quantile'
        and quantiles.name = 'event'
        and quantiles.experiment_id = windows.experiment_id
        and quantiles.input_model = windows.input_model
        and quantiles.slot = windows.slot
    where windows.row_kind = 'window'
),

exposures as (
    {{ causalops.scanned_exposures() }}
),

event_values as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as fact,
        cast(null as {{ dbt.type_int() }}) as slot,
        cast(null as {{ causalops.type_double() }}) as value
    where 1 = 0
    {%- for source in causalops.facts_with(registry, 'keeps_events', true) %}
    union all
    {{ causalops.event_values_branch(source) }}
    {%- endfor %}
)

select * from event_values
