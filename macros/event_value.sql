{# What one event adds to a slot on its day; NULL when the event does not count. #}
{% macro event_value(measure, offset) -%}
    {%- set passes = causalops.filter_condition(measure.filters) -%}
    {%- set column = 'source.' ~ adapter.quote(measure.value) if measure.value else none -%}
    {%- if measure.agg == 'sum' -%}
        case when {{ passes }} then {{ causalops.safe_number(column) }} end
    {%- elif measure.agg == 'count' and column -%}
        case when {{ passes }} and {{ causalops.safe_number(column) }} is not null then 1 else 0 end
    {%- elif measure.agg == 'any' and column -%}
        case
            when {{ passes }} and {{ causalops.safe_number(column) }} <> 0 then 1
            when {{ passes }} and {{ causalops.safe_number(column) }} = 0 then 0
        end
    {%- elif measure.agg == 'distinct' -%}
        {%- set window = causalops.window_name(measure.slot, offset) -%}
        case
            when {{ passes }} and {{ column }} is not null and {{ window }} is not null
                and row_number() over (
                    partition by exposures.experiment_id, exposures.unit_id,
                        cast({{ column }} as {{ dbt.type_string() }}), {{ window }},
                        case when {{ passes }} then 1 else 0 end
                    order by {{ offset if offset != 'null' else '1' }}
                ) = 1
                then 1
            else 0
        end
    {%- else -%}
        case when {{ passes }} then 1 else 0 end
    {%- endif -%}
{%- endmacro %}

{# 'pre', 'post' or NULL: a distinct value counts once, on the first day it appears in each window. #}
{% macro window_name(slot, offset) -%}
    {%- if offset == 'null' -%}'post'
    {%- else -%}
        case
            when exposures.exposure_day is null then 'post'
            when {{ offset }} between -windows.pre_{{ slot }} and -1 then 'pre'
            when {{ offset }} between windows.from_{{ slot }} and coalesce(windows.to_{{ slot }}, exposures.open_to) then 'post'
        end
    {%- endif -%}
{%- endmacro %}

{# Values that are present but are not finite numbers, over the numeric columns of a fact. #}
{% macro nonfinite_count(measures) -%}
    {%- set columns = [] -%}
    {%- for measure in measures if measure.value and measure.agg in ('sum', 'any') and measure.value not in columns -%}
        {%- do columns.append(measure.value) -%}
    {%- endfor -%}
    {%- for name in columns -%}
        {%- set column = 'source.' ~ adapter.quote(name) -%}
        case when {{ column }} is not null and {{ causalops.safe_number(column) }} is null then 1 else 0 end +{{ ' ' }}
    {%- endfor -%}0
{%- endmacro %}
