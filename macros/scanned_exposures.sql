{# The units whose events a scan of a fact looks for, with what `event_times` needs of them: analysed units and
   crossovers. The calling model offers the CTE `due` with the experiment's unit. #}
{% macro scanned_exposures(exposures) -%}
    select
        exposures.experiment_id,
        exposures.unit_id,
        exposures.exposed_at,
        exposures.exposure_day,
        due.unit,
        due.as_of_date,
        {{ causalops.days_between('exposures.exposure_day', 'coalesce(due.end_date, due.as_of_date)') }} as open_to
    from {{ exposures }} as exposures
    inner join due
        on due.experiment_id = exposures.experiment_id
    where exposures.exclusion_reason is null
        or exposures.exclusion_reason = 'crossover'
{%- endmacro %}
