-- grain: a bin of the score on one side of the cutoff, per experiment_id and metric (main analysis of rdd): twenty
-- bins a side with about as many rows each; equal scores share a bin. x is the score less the cutoff.
{%- set n_bins = 20 -%}
{%- set registry = ref('causalops', 'registry') -%}
{%- set sources = [] -%}
{%- for source in causalops.registry_rows(registry, 'dataset') -%}
    {%- if source.payload.design == 'rdd' and source.payload.analysis == 'main' -%}{%- do sources.append(source.payload) -%}{%- endif -%}
{%- endfor %}

with

dataset_rows as (
    select * from {{ ref('causalops', 'experiment_dataset_rows') }} where analysis = 'main'
),

scored as (
    select
        experiment_id,
        cast(null as {{ dbt.type_string() }}) as metric,
        v_1 as x,
        v_1 as y
    from dataset_rows
    where 1 = 0
    {%- for source in sources %}
    {%- set columns = source['columns'] %}
    {%- set score = (columns | selectattr('role', 'equalto', 'score') | first).slot %}
    {%- for column in columns if column.role == 'metric' %}
    union all
    select
        experiment_id,
        {{ causalops.text_literal(column.name) }} as metric,
        v_{{ score }} - cast({{ causalops.text_literal(source.settings.cutoff | string) }} as {{ causalops.type_double() }}) as x,
        v_{{ column.slot }} as y
    from dataset_rows
    where experiment_id = {{ causalops.text_literal(source.experiment_id) }}
        and v_{{ score }} is not null
        and v_{{ column.slot }} is not null
    {%- endfor %}
    {%- endfor %}
),

ranked as (
    select
        experiment_id,
        metric,
        x,
        y,
        case when x >= 0 then 'above' else 'below' end as side,
        rank() over (partition by experiment_id, metric, x >= 0 order by x) as place,
        count(*) over (partition by experiment_id, metric, x >= 0) as n_side
    from scored
),

binned as (
    select
        *,
        floor({{ n_bins }}.0 * (place - 1) / n_side) as bin
    from ranked
)

select
    experiment_id,
    metric,
    side,
    cast(bin as {{ dbt.type_int() }}) as bin,
    count(*) as n,
    avg(x) as x,
    avg(y) as y,
    stddev_samp(y) as sd
from binned
group by experiment_id, metric, side, bin
