-- grain: experiment_id, fact. the windows of an experiment's slots as data, in days from exposure:
-- from_k..to_k after it (to_k NULL = open), pre_k whole days before it, and the range to read at all; with the
-- keys under which the fact's days are kept.
{%- set slots = range(1, var('max_slots') + 1) %}

with

sources as (
    select * from {{ ref('causalops', 'experiment_sources') }}
)

select
    windows.experiment_id,
    windows.input_model as fact,
    max(facts.source_key) as source_key,
    max(first_days.source_key) as first_days_key,
    coalesce(max(windows.day_to), -1) as last_day,
    max(case when windows.day_to is null then 1 else 0 end) = 1 as is_open,
    coalesce(max(windows.pre_days), 0) as longest_pre
    {%- for slot in slots %},
    max(case when windows.slot = {{ slot }} then windows.day_from end) as from_{{ slot }},
    max(case when windows.slot = {{ slot }} then windows.day_to end) as to_{{ slot }},
    max(case when windows.slot = {{ slot }} then windows.pre_days end) as pre_{{ slot }}
    {%- endfor %}
from {{ ref('causalops', 'registry') }} as windows
inner join {{ ref('causalops', 'experiment_due') }} as due
    on due.experiment_id = windows.experiment_id
    and due.is_due
inner join sources as first_days
    on first_days.kind = 'first_days'
    and first_days.experiment_id = windows.experiment_id
    and first_days.input_model = windows.input_model
inner join sources as facts
    on facts.kind = 'fact'
    and facts.input_model = first_days.input_model
    and facts.unit = first_days.unit
where windows.row_kind = 'window'
group by windows.experiment_id, windows.input_model
