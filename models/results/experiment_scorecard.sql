-- grain: experiment_id, metric, variant. the table everybody opens: the current version of each experiment,
-- and a line with a reason for every requested number that has no version yet.
{{ config(materialized='view') }}
{%- set double = causalops.type_double() %}

with

headlines as (
    select * from {{ ref('causalops', 'experiment_headlines').render() }} where is_current
),

registry as (
    select * from {{ ref('causalops', 'registry').render() }}
),

experiments as (
    select *
    from registry
    where row_kind = 'experiment' and spec_status = 'valid' and status in ('running', 'stopped')
),

missing as (
    select
        experiments.experiment_id,
        experiments.design,
        metrics.metric,
        metrics.metric_role,
        metrics.desired,
        variants.name as variant,
        experiments.control as baseline,
        metrics.method
    from experiments
    inner join registry as metrics
        on metrics.experiment_id = experiments.experiment_id
        and metrics.row_kind = 'metric'
        and metrics.analysis = 'main'
    inner join registry as variants
        on variants.experiment_id = experiments.experiment_id
        and variants.row_kind = 'variant'
        and not variants.is_control
    left join headlines
        on headlines.experiment_id = experiments.experiment_id
        and headlines.metric = metrics.metric
        and headlines.variant = variants.name
    where headlines.experiment_id is null
),

scorecard as (
    select
        experiment_id, design, metric, metric_role, desired, variant, baseline, n_variant, n_baseline,
        mean_variant, mean_baseline, effect, effect_low, effect_high, lift, lift_low, lift_high, p_adjusted,
        verdict, status, reason_code, message, method, checks_failed, as_of_date, version
    from headlines
    union all
    select
        experiment_id, design, metric, metric_role, desired, variant, baseline,
        {%- for _ in range(2) %} cast(null as {{ dbt.type_bigint() }}),{% endfor %}
        {% for _ in range(9) %}cast(null as {{ double }}), {% endfor %}
        cast(null as {{ dbt.type_string() }}), 'skipped', 'no_data',
        'No version holds this number yet: there were no input rows, or it has not been computed since it was asked for.',
        method, cast(0 as {{ dbt.type_int() }}), cast(null as date), cast(null as {{ dbt.type_int() }})
    from missing
)

select
    {{ causalops.contract_columns(model) }}
from scorecard
