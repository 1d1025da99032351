-- grain: experiment_id, unit_id, fact; only units with events. v_k: slot k over its window after
-- exposure, p_k: over its pre-period. Absent rows are zeros, completed from exposure counts. Variant
-- and segments are carried along so that moments need no second join.
{%- set segments = range(1, var('max_segments') + 1) -%}
{%- set facts = causalops.facts_read(ref('causalops', 'registry')) -%}
{%- set slots = causalops.slots_read(facts) %}
-- depends_on: {{ ref('causalops', 'experiment_windows') }}
-- depends_on: {{ ref('causalops', 'experiment_fact_days') }}
-- depends_on: {{ ref('causalops', 'experiment_first_days') }}
-- depends_on: {{ ref('causalops', 'experiment_distinct_days') }}

with

exposures as (
    select experiment_id, unit_id, unit, exposure_day, as_of_date, open_to
    from ({{ causalops.scanned_exposures() }}) as scanned
),
{{ causalops.unit_day_ctes(facts) }}
folded as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as fact,
        cast(null as {{ dbt.type_bigint() }}) as n_nonfinite
        {%- for slot in slots %},
        cast(null as {{ causalops.type_double() }}) as v_{{ slot }},
        cast(null as {{ causalops.type_double() }}) as p_{{ slot }}
        {%- endfor %}
    where 1 = 0
    {%- for fact in facts %}
    union all
    select
        experiment_id,
        unit_id,
        {{ causalops.text_literal(fact.name) }},
        cast(sum(n_nonfinite) as {{ dbt.type_bigint() }})
        {%- for slot in slots %},
        {{ causalops.folded_slot(slot, 'post', fact.rules[slot]) if slot in fact.rules else 'null' }},
        {{ causalops.folded_slot(slot, 'pre', fact.rules[slot]) if slot in fact.rules else 'null' }}
        {%- endfor %}
    from days_{{ loop.index }}
    group by experiment_id, unit_id
    {%- endfor %}
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
inner join {{ ref('causalops', 'experiment_exposures') }} as exposures
    on exposures.experiment_id = folded.experiment_id
    and exposures.unit_id = folded.unit_id
left join {{ ref('causalops', 'experiment_received') }} as received
    on received.experiment_id = folded.experiment_id
    and received.unit_id = folded.unit_id
