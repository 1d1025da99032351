-- grain: input_model, name (experiment), unit_column (analysis). the periods of a panel, and the mean of every metric
-- in each, which later sums are taken about. `payload` holds them beside the mapping of the registry, so
-- that it can shape the query of the panel's moments.
{%- set registry = ref('causalops', 'registry') -%}
{%- set sources = [] -%}
{%- for source in causalops.registry_rows(registry, 'dataset') if source.payload.design == 'did' and not source.payload.needs_rows -%}
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
        cast(null as {{ dbt.type_string() }}) as centres
    where 1 = 0
    {%- for source in sources %}
    {%- set metrics = causalops.panel_metrics(source.payload) %}
    union all
    select
        {{ causalops.text_literal(source.payload.experiment_id) }},
        {{ causalops.text_literal(source.payload.analysis) }},
        period,
        {% for metric in metrics -%}
        cast(coalesce(avg(y_{{ loop.index }}), 0) as {{ dbt.type_string() }}){{ " || ',' || " if not loop.last }}
        {%- endfor %}
    from ({{ causalops.panel_rows(source, metrics) }}) as held
    where is_placed and ({% for metric in metrics %}y_{{ loop.index }} is not null{{ ' or ' if not loop.last }}{% endfor %})
    group by period
    {%- endfor %}
),

axes as (
    select
        experiment_id,
        analysis,
        count(*) as n_periods,
        {{ dbt.listagg('cast(period as ' ~ dbt.type_string() ~ ')', "','", 'order by period') }} as period_list,
        {{ dbt.listagg("'[' || centres || ']'", "','", 'order by period') }} as centre_list
    from periods
    group by experiment_id, analysis
)

select
    mappings.input_model,
    axes.experiment_id as name,
    axes.analysis as unit_column,
    axes.experiment_id,
    cast(0 as integer) as block_id,
    'panel' as row_kind,
    '{"source": ' || mappings.payload
        || ', "periods": [' || axes.period_list
        || '], "centres": [' || axes.centre_list || ']}' as payload
from axes
inner join mappings
    on mappings.experiment_id = axes.experiment_id
    and mappings.analysis = axes.analysis
