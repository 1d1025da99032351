-- grain: a row of a dataset, per experiment_id and analysis whose statistics need rows. only the columns that
-- the analysis names, in generic slots (v_1, …) whose roles the registry holds. Other designs read moments.
{%- set registry = ref('causalops', 'registry') -%}
{%- set sources = [] -%}
{%- for source in causalops.registry_rows(registry, 'dataset') if source.payload.needs_rows -%}
    {%- do sources.append(source) -%}
{%- endfor -%}
{%- set widths = [1] -%}
{%- set labels = [0] -%}
{%- for source in sources -%}
    {%- do widths.append(source.payload['columns'] | map(attribute='slot') | max) -%}
    {%- do labels.append(source.payload.labels | length) -%}
{%- endfor %}

with

{{ causalops.due_datasets() }}

dataset_rows as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as cluster_id,
        cast(null as {{ causalops.type_double() }}) as period,
        cast(null as {{ causalops.type_double() }}) as treated_from
        {%- for slot in range(1, widths | max + 1) %},
        cast(null as {{ causalops.type_double() }}) as v_{{ slot }}
        {%- endfor %}
        {%- for index in range(1, labels | max + 1) %},
        cast(null as {{ dbt.type_string() }}) as label_{{ index }}
        {%- endfor %}
    where 1 = 0
    {%- for source in sources %}
    union all
    {{ causalops.dataset_rows(source, widths | max, labels | max) }}
    {%- endfor %}
)

select * from dataset_rows
