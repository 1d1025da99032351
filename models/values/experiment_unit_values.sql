-- grain: experiment_id, unit_id, fact; only units with events. v_k: slot k over its window after
-- exposure, p_k: over its pre-period. Absent rows are zeros, completed from exposure counts. Variant
-- and segments are carried along so that moments need no second join.
{%- set slots = range(1, var('max_slots') + 1) -%}
{%- set segments = range(1, var('max_segments') + 1) -%}
{%- set flag_facts = causalops.flag_slots(ref('causalops', 'registry')) %}

with

exposures as (
    {{ causalops.scanned_exposures() }}
),

windows as (
    select * from {{ ref('causalops', 'experiment_windows') }}
),

unit_days as (
    {{ causalops.unit_days() }}
),

folded as (
    select
        unit_days.experiment_id,
        unit_days.unit_id,
        unit_days.fact,
        sum(unit_days.n_nonfinite) as n_nonfinite
        {%- for slot in slots %},
        {{ causalops.folded_slot(slot, 'post', flag_facts) }} as v_{{ slot }},
        {{ causalops.folded_slot(slot, 'pre', flag_facts) }} as p_{{ slot }}
        {%- endfor %}
    from unit_days
    inner join exposures
        on exposures.experiment_id = unit_days.experiment_id
        and exposures.unit_id = unit_days.unit_id
    inner join windows
        on windows.experiment_id = unit_days.experiment_id
        and windows.fact = unit_days.fact
    group by unit_days.experiment_id, unit_days.unit_id, unit_days.fact
)

select
    folded.*,
    exposures.variant,
    exposures.exposure_day,
    exposures.is_triggered,
    exposures.is_crossover,
    exposures.bucket,
    exposures.stratum,
    exposures.cluster_id,
    received.unit_id is not null as is_received
    {%- for segment in segments %},
    exposures.seg_{{ segment }}
    {%- endfor %}
from folded
inner join exposures
    on exposures.experiment_id = folded.experiment_id
    and exposures.unit_id = folded.unit_id
left join {{ ref('causalops', 'experiment_received') }} as received
    on received.experiment_id = folded.experiment_id
    and received.unit_id = folded.unit_id
