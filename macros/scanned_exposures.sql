{# The units whose events are looked for, with what places an event in time: analysed units and crossovers. #}
{% macro scanned_exposures() -%}
    select
        exposures.*,
        registry.unit,
        due.as_of_date,
        {{ causalops.days_between('exposures.exposure_day', 'coalesce(due.end_date, due.as_of_date)') }} as open_to
    from {{ ref('causalops', 'experiment_exposures') }} as exposures
    inner join {{ ref('causalops', 'experiment_due') }} as due
        on due.experiment_id = exposures.experiment_id
    inner join {{ ref('causalops', 'registry') }} as registry
        on registry.row_kind = 'experiment'
        and registry.experiment_id = exposures.experiment_id
    where exposures.exclusion_reason is null
        or exposures.exclusion_reason = 'crossover'
{%- endmacro %}
