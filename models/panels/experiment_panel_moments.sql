-- grain: experiment_id, analysis, metric, part, start, cluster_id, i, j. everything that difference-in-differences
-- needs: counts of what was found and left out, and by cohort (start NULL = never treated) sums of unit paths
-- (mean), of their products (pair), of their levels, and by cluster. paths are less the mean of their
-- unit, so the last period's products follow from the others. rows of repeated cross-sections are paths of one
-- period, less the level of all. panels of more than 120 periods are left out, and refused by the statistics.
-- only due experiments have a shape.
{%- set shapes = causalops.panel_shapes(ref('causalops', 'experiment_panel_shapes')) -%}
{%- set longest = [1] -%}
{%- for shape in shapes -%}
    {%- do longest.append(shape.payload.periods | length) -%}
{%- endfor %}

with

{{ causalops.due_datasets() }}

indices as (
    {%- for i in range(1, longest | max + 1) %}
    {{ 'union all ' if not loop.first }}select {{ i }}{{ ' as i' if loop.first }}
    {%- endfor %}
),
{%- for shape in shapes %}

{{ causalops.panel_ctes('panel_' ~ loop.index, shape, shape.metric) }}
{%- endfor %}

moments as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as metric,
        cast(null as {{ dbt.type_string() }}) as part,
        {{ causalops.panel_nothing() }},
        cast(null as {{ dbt.type_bigint() }}) as n,
        cast(null as {{ causalops.type_double() }}) as total
    where 1 = 0
    {%- for shape in shapes %}
    union all
    {{ causalops.panel_parts('panel_' ~ loop.index, shape, shape.metric) }}
    {%- endfor %}
)

select * from moments
