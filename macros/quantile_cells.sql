{# Value counts of one block for `experiment_value_counts`: units with rows and, where absence is zero,
   the whole population as zeros less the units with rows. #}
{% macro quantile_cells(block, cell) -%}
    {%- set units -%}
    ({{ causalops.block_units(block, is_capped=false) }}) as units
    {%- endset -%}
    {%- set outcome = block.payload.parts | selectattr('name', 'equalto', 'y') | first %}
    select experiment_id, analysis, metric, {{ cell | join(', ') }}, y + 0.0, count(*)
    from {{ units }}
    where y is not null
    group by experiment_id, analysis, metric, {{ cell | join(', ') }}, y + 0.0
    {%- if outcome.missing == 'zero' %}
    union all
    select experiment_id, analysis, metric, {{ cell | join(', ') }}, 0.0, -count(*)
    from {{ units }}
    group by experiment_id, analysis, metric, {{ cell | join(', ') }}
    union all
    select metrics.experiment_id, metrics.analysis, metrics.metric, exposures.{{ cell | join(', exposures.') }}, 0.0, count(*)
    from metrics
    inner join exposures
        on exposures.experiment_id = metrics.experiment_id
        and (exposures.exposure_day <= metrics.mature_through or metrics.mature_through is null)
    where metrics.block_id = {{ block.block_id }}
    group by metrics.experiment_id, metrics.analysis, metrics.metric, exposures.{{ cell | join(', exposures.') }}
    {%- endif %}
{%- endmacro %}
