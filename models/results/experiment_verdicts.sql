-- grain: experiment_id. private: what the headlines of the current version say together. each arm is judged
-- by its conditions; the experiment takes the best arm once none is too early.
{{ config(materialized='view') }}

with

conditions as (
    select
        *,
        row_number() over (partition by experiment_id, variant, metric order by side desc) = 1 as is_first_mention
    from {{ ref('causalops', 'experiment_conditions').render() }}
),

arms as (
    select
        experiment_id,
        variant,
        {% for name, condition in {
            'stops': "side = 'do_not_ship_if' and is_met",
            'early': 'is_early and is_first_mention',
            'unmet': "side = 'ship_if' and not is_met",
            'held': "side = 'ship_if' and is_met",
        }.items() -%}
        {{ dbt.listagg(
            'case when ' ~ condition ~ ' then ' ~ ('metric' if name == 'early' else 'finding') ~ ' end', "', '", 'order by metric'
        ) }} as {{ name }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from conditions
    group by experiment_id, variant
    having sum(case when is_needed then 1 else 0 end) > 0
),

judged as (
    select
        experiment_id,
        variant,
        case
            when stops is not null then 4
            when early is not null then 1
            when unmet is not null then 3
            else 2
        end as verdict_order,
        variant || case
            when stops is not null then ': do not ship, because ' || stops || '.'
            when early is not null then ': keep running, it is too early for ' || early || '.'
            when unmet is not null then ': discuss, because ' || unmet || '.'
            else ': ship, because ' || held || '.'
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
