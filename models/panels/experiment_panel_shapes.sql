-- grain: input_model, name (experiment), unit_column (analysis). the periods of a panel with the number of values of
-- every metric in each, its rows, and the largest number of rows in one period that are or become treated. `payload`
-- holds them beside the mapping of the registry, so that it can shape the query of the panel's moments.
{%- set registry = ref('causalops', 'registry') -%}
{%- set sources = [] -%}
{%- for source in causalops.registry_rows(registry, 'dataset') if source.payload.design == 'did' -%}
    {%- do sources.append(source) -%}
{%- endfor %}

with

{{ causalops.due_datasets() }}

mappings as (
    select experiment_id, analysis, input_model, payload
    from {{ registry }}
    where row_kind = 'dataset'
),

periods as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ causalops.type_double() }}) as period,
        cast(null as {{ dbt.type_bigint() }}) as n_rows,
        cast(null as {{ dbt.type_bigint() }}) as n_treated,
        cast(null as {{ dbt.type_string() }}) as n_values
    where 1 = 0
    {%- for source in sources %}
    {%- set metrics = causalops.panel_metrics(source.payload) %}
    union all
    select
        {{ causalops.text_literal(source.payload.experiment_id) }},
        {{ causalops.text_literal(source.payload.analysis) }},
        case when is_placed then period end,
        count(*),
        count({{ 'treated_from' if source.payload.treated_from else 'case when is_on = 1 then 1 end' }}),
        {% for metric in metrics %}cast(count(y_{{ loop.index }}) as {{ dbt.type_string() }}){{ " || ',' || " if not loop.last }}{% endfor %}
    from ({{ causalops.panel_rows(source, metrics) }}) as held
    group by 3
    {%- endfor %}
),

axes as (
    select
        experiment_id,
        analysis,
        sum(n_rows) as n_rows,
        max(case when period is not null then n_treated end) as n_treated,
        {{ dbt.listagg('cast(period as ' ~ dbt.type_string() ~ ')', "','", 'order by period') }} as period_list,
        {{ dbt.listagg("case when period is not null then '[' || n_values || ']' end", "','", 'order by period') }} as value_list
    from periods
    group by experiment_id, analysis
    having count(period) > 0
)

select
    mappings.input_model,
    axes.experiment_id as name,
    axes.analysis as unit_column,
    axes.experiment_id,
    cast(0 as integer) as block_id,
    'panel' as row_kind,
    '{"source": ' || mappings.payload
        || ', "n_rows": ' || cast(cast(axes.n_rows as {{ dbt.type_bigint() }}) as {{ dbt.type_string() }})
        || ', "n_treated": ' || cast(axes.n_treated as {{ dbt.type_string() }})
        || ', "periods": [' || axes.period_list
        || '], "n_values": [' || axes.value_list || ']}' as payload
from axes
inner join mappings
    on mappings.experiment_id = axes.experiment_id
    and mappings.analysis = axes.analysis
