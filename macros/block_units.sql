{# The unit-level values of one block (a metric with its covariates), for every experiment and analysis
   that uses it: mature units that have a row in one of its facts, one column per part. The calling
   model offers the CTEs `unit_values`, `metrics` and, where `is_capped`, `caps`. Columns of `cell` that
   `unit_values` has beyond the usual ones are carried along. #}
{% macro block_units(block, is_capped=true, cell=[]) -%}
    {%- set parts = block.payload.parts -%}
    {%- set is_single = block.payload.facts | length == 1 -%}
    {%- set carried = ['variant', 'exposure_day', 'is_triggered', 'is_crossover', 'bucket', 'stratum', 'cluster_id', 'is_received'] -%}
    {%- for slot in range(1, var('max_segments') + 1) -%}{%- do carried.append('seg_' ~ slot) -%}{%- endfor -%}
    {%- for column in cell if column not in carried -%}{%- do carried.append(column) -%}{%- endfor -%}
    {%- set facts = [] -%}
    {%- for fact in block.payload.facts -%}{%- do facts.append(causalops.text_literal(fact)) -%}{%- endfor %}
    select
        metrics.experiment_id,
        metrics.analysis,
        metrics.metric,
        metrics.mature_through,
        {%- for column in carried %}
        units.{{ column }},
        {%- endfor %}
        units.n_nonfinite,
        units.has_pre
        {%- for part in parts %},
        {% if is_capped and part.capped -%}
        case when units.{{ part.name }} > cap_{{ part.name }}.cap then cap_{{ part.name }}.cap else units.{{ part.name }} end as {{ part.name }}
        {%- else -%}
        units.{{ part.name }}
        {%- endif %}
        {%- endfor %}
        {%- if is_capped and parts[0].capped %},
        case when units.y > cap_y.cap then 1 else 0 end as is_capped
        {%- else %},
        0 as is_capped
        {%- endif %}
    from (
        select
            experiment_id,
            unit_id,
            {%- for column in carried %}
            {{ column }},
            {%- endfor %}
            {{ 'n_nonfinite' if is_single else 'sum(n_nonfinite) as n_nonfinite' }},
            {{ causalops.has_pre_period(parts, is_single) }} as has_pre
            {%- for part in parts %},
            {{ causalops.part_value(part, is_single) }} as {{ part.name }}
            {%- endfor %}
        from unit_values
        where fact in ({{ facts | join(', ') }})
            and experiment_id in (select experiment_id from metrics where block_id = {{ block.block_id }})
        {%- if not is_single %}
        group by experiment_id, unit_id, {{ carried | join(', ') }}
        {%- endif %}
    ) as units
    inner join metrics
        on metrics.experiment_id = units.experiment_id
        and metrics.block_id = {{ block.block_id }}
    {%- for part in parts if is_capped and part.capped %}
    left join caps as cap_{{ part.name }}
        on cap_{{ part.name }}.experiment_id = metrics.experiment_id
        and cap_{{ part.name }}.analysis = metrics.analysis
        and cap_{{ part.name }}.metric = metrics.metric
        and cap_{{ part.name }}.part = '{{ part.name }}'
        and cap_{{ part.name }}.is_applied
    {%- endfor %}
    where (units.exposure_day <= metrics.mature_through or metrics.mature_through is null)
{%- endmacro %}

{# One part of a block from `experiment_unit_values`; several facts are several rows of a unit. #}
{% macro part_value(part, is_single) -%}
    {%- set value = causalops.slot_of(part.fact, part.phase, part.slot, is_single) -%}
    {%- if part.den_slot -%}
        {%- set value = value ~ ' / nullif(' ~ causalops.slot_of(part.fact, part.phase, part.den_slot, is_single) ~ ', 0)' -%}
    {%- endif -%}
    {{ 'coalesce(' ~ value ~ ', 0)' if part.missing == 'zero' else value }}
{%- endmacro %}

{% macro slot_of(fact, phase, slot, is_single) -%}
    {%- set column = phase ~ '_' ~ slot -%}
    {%- if is_single -%}{{ column }}
    {%- else -%}max(case when fact = {{ causalops.text_literal(fact) }} then {{ column }} end)
    {%- endif -%}
{%- endmacro %}

{# 1 when any covariate of the unit was observed. #}
{% macro has_pre_period(parts, is_single) -%}
    {%- set values = [] -%}
    {%- for part in parts if part.name[0] in ('x', 'w') -%}
        {%- do values.append(causalops.slot_of(part.fact, part.phase, part.slot, is_single)) -%}
    {%- endfor -%}
    {%- if values -%}case when coalesce({{ values | join(', ') }}{{ ', null' if values | length == 1 }}) is not null then 1 else 0 end
    {%- else -%}0{%- endif -%}
{%- endmacro %}
