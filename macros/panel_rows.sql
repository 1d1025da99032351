{# One metric of a dataset as a panel reads it: a row per unit and period with its outcome, whether it is
   treated then, and where treatment starts. A row that lacks what the design needs is not complete. #}
{% macro panel_rows(source, metrics, is_due=false) -%}
    {%- set map = source.payload -%}
    {%- set roles = {} -%}
    {%- for held in map.columns if held.role in ('treated', 'post') -%}
        {%- do roles.update({held.role: 'held.v_' ~ held.slot}) -%}
    {%- endfor -%}
    {%- set period = 'held.period' if map.time else roles.post -%}
    {%- set is_pair = 'treated' in roles -%}
    {%- set needed = [period] + ([roles.treated, roles.post] if is_pair else [])
        + (['held.unit_id'] if map.unit else []) + (['held.cluster_id'] if map.cluster else []) %}
    select
        held.unit_id,
        held.cluster_id,
        {{ period }} as period,
        {{ 'cast(null as ' ~ causalops.type_double() ~ ')' if is_pair else 'held.treated_from' }} as treated_from,
        {{ 'case when ' ~ roles.treated ~ ' <> 0 then 1 else 0 end' if is_pair else '1' }} as is_treated,
        {% if is_pair -%}
        case when {{ roles.treated }} <> 0 and {{ roles.post }} <> 0 then 1 else 0 end as is_on,
        {%- else -%}
        case when {{ period }} >= held.treated_from then 1 else 0 end as is_on,
        {%- endif %}
        {%- for name in needed %}
        {{ name }} is not null {{ 'and' if not loop.last }}
        {%- endfor %} as is_placed
        {%- for metric in metrics %},
        held.v_{{ metric.slot }} as y_{{ loop.index }}
        {%- endfor %}
    from ({{ causalops.dataset_rows(source, keeps_types=true, is_due=is_due) }}) as held
{%- endmacro %}

{# The outcome columns of a dataset analysis, in the file's order. #}
{% macro panel_metrics(map) -%}
    {%- set found = [] -%}
    {%- for held in map.columns if held.role == 'metric' -%}{%- do found.append(held) -%}{%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# The panel of every metric: its analysis with the periods in which this metric has a value, up to 120. #}
{% macro panel_shapes(relation) -%}
    {%- set found = [] -%}
    {%- for shape in causalops.registry_rows(relation, 'panel') -%}
        {%- set held = shape.payload -%}
        {%- for metric in causalops.panel_metrics(held.source) -%}
            {%- set index = loop.index0 -%}
            {%- set periods = [] -%}
            {%- for period in held.periods -%}
                {%- if held.n_values[loop.index0][index] > 0 -%}{%- do periods.append(period) -%}{%- endif -%}
            {%- endfor -%}
            {%- if 0 < periods | length <= 120 -%}
                {%- set payload = {'source': held.source, 'n_rows': held.n_rows, 'n_treated': held.n_treated, 'periods': periods} -%}
                {%- do found.append({'input_model': shape.input_model, 'metric': metric, 'payload': payload}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
