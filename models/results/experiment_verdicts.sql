-- grain: experiment_id. private: what the headlines of the current version say together. each arm is judged
-- by its primary metrics and guardrails; the experiment takes the best arm once none is too early.
{{ config(materialized='view') }}

with

headlines as (
    select * from {{ ref('causalops', 'experiment_headlines').render() }}
    where is_current and metric_role in ('primary', 'guardrail') and design <> 'aa_test'
),

versions as (
    select * from {{ ref('causalops', 'experiment_versions').render() }}
),

signals as (
    select
        headlines.experiment_id,
        headlines.variant,
        headlines.metric,
        headlines.metric_role,
        case
            when headlines.metric_role = 'primary' and (
                headlines.verdict = 'too_early'
                or (versions.phase <> 'complete' and coalesce(headlines.verdict, 'not_evaluated') = 'not_evaluated')
            ) then 'early'
            when headlines.verdict = 'worse' then 'worse'
            when headlines.verdict = 'better' then 'good'
            when headlines.metric_role = 'guardrail' and (
                headlines.verdict = 'not_worse'
                or (headlines.verdict = 'no_difference_found' and not headlines.has_margin)
            ) then 'good'
            else 'unclear'
        end as signal
    from headlines
    inner join versions
        on versions.experiment_id = headlines.experiment_id
        and versions.version = headlines.version
),

arms as (
    select
        experiment_id,
        variant,
        {% for signal in ['early', 'worse', 'unclear'] -%}
        {{ dbt.listagg("case when signal = '" ~ signal ~ "' then metric end", "', '", 'order by metric') }} as {{ signal }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from signals
    group by experiment_id, variant
    having sum(case when metric_role = 'primary' then 1 else 0 end) > 0
),

judged as (
    select
        experiment_id,
        variant,
        case
            when early is not null then 1
            when worse is not null then 4
            when unclear is not null then 3
            else 2
        end as verdict_order,
        variant || case
            when early is not null then ': too early for ' || early || '.'
            when worse is not null then ': worse on ' || worse || '.'
            when unclear is not null then ': no clear result on ' || unclear || '.'
            else ': every primary metric is better and no guardrail is worse.'
        end as reason
    from arms
)

select
    experiment_id,
    case min(verdict_order)
        when 1 then 'keep_running'
        when 2 then 'ship'
        when 3 then 'discuss'
        else 'do_not_ship'
    end as verdict,
    {{ dbt.listagg('reason', "' '", 'order by verdict_order, variant') }} as verdict_reason
from judged
group by experiment_id
