-- grain: kind, source_key. what the tables kept by day hold: the exposures of one experiment, the values of
-- one fact by unit, or a fact's values on the days of one experiment's exposures. the key is a digest of
-- everything that shapes those rows, so what is defined anew is read anew, and nothing else is. is_read: a due
-- experiment needs it in this run. look_back: days for which rows may still come or change; NULL = for ever.

with

registry as (
    select * from {{ ref('causalops', 'registry') }}
),

experiments as (
    select
        registry.experiment_id,
        registry.unit,
        registry.input_model,
        registry.assignment_key,
        registry.cluster_slot,
        -- Without a time of exposure every day of a fact counts.
        case when registry.has_time then {{ dbt.dateadd('day', '-registry.max_pre_days', 'registry.start_date') }} end as first_day,
        due.is_due
    from {{ ref('causalops', 'experiment_due') }} as due
    inner join registry
        on registry.row_kind = 'experiment'
        and registry.experiment_id = due.experiment_id
),

mappings as (
    select
        row_kind,
        input_model,
        name as unit,
        {{ causalops.mapping_key() }} as mapping_key,
        late_data_days as look_back
    from registry
    where row_kind in ('assignment', 'fact')
),

exposures as (
    select
        experiments.*,
        mappings.mapping_key
            || '|' || experiments.experiment_id
            || '|' || coalesce(experiments.assignment_key, '')
            || '|' || coalesce(cast(experiments.cluster_slot as {{ dbt.type_string() }}), '') as definition,
        mappings.look_back
    from experiments
    inner join mappings
        on mappings.row_kind = 'assignment'
        and mappings.input_model = experiments.input_model
        and mappings.unit = experiments.unit
),

readings as (
    select distinct experiment_id, input_model as fact
    from registry
    where row_kind = 'window'
),

facts as (
    select
        mappings.mapping_key as definition,
        mappings.input_model,
        mappings.unit,
        mappings.look_back,
        min(coalesce(experiments.first_day, {{ causalops.first_date() }})) as first_day,
        max(case when experiments.is_due then 1 else 0 end) = 1 as is_read
    from mappings
    inner join readings
        on readings.fact = mappings.input_model
    inner join experiments
        on experiments.experiment_id = readings.experiment_id
        and experiments.unit = mappings.unit
    where mappings.row_kind = 'fact'
    group by mappings.mapping_key, mappings.input_model, mappings.unit, mappings.look_back
),

sources as (
    select
        'exposures' as kind,
        definition,
        input_model,
        unit,
        experiment_id,
        {{ causalops.first_date() }} as first_day,
        look_back,
        coalesce(is_due, false) as is_read
    from exposures

    union all

    select 'fact', definition, input_model, unit, cast(null as {{ dbt.type_string() }}), cast(first_day as date), look_back, is_read
    from facts

    union all

    select
        'first_days',
        exposures.definition || '|' || facts.definition,
        facts.input_model,
        facts.unit,
        exposures.experiment_id,
        {{ causalops.first_date() }},
        case
            when exposures.look_back is not null and facts.look_back is not null
                then greatest(exposures.look_back, facts.look_back)
        end,
        coalesce(exposures.is_due, false)
    from exposures
    inner join readings
        on readings.experiment_id = exposures.experiment_id
    inner join facts
        on facts.input_model = readings.fact
        and facts.unit = exposures.unit
)

select
    kind,
    {{ causalops.sha256_integer('definition') }} as source_key,
    input_model,
    unit,
    experiment_id,
    first_day,
    look_back,
    is_read
from sources
