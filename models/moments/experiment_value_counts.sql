-- grain: group_id (experiment_quantile_groups), value. how often each value of a quantile metric occurs (n) and how
-- many values are no larger (n_upto), of mature units or of their events. Ranks come from here: memory
-- does not grow with the rows of a group, and ties have one row.
{%- set registry = ref('causalops', 'registry') -%}
{%- set key = causalops.quantile_key() -%}
{%- set cell = causalops.quantile_cell() %}

with

unit_values as (
    select * from {{ ref('causalops', 'experiment_unit_values') }}
),

exposures as (
    select *
    from {{ ref('causalops', 'experiment_exposures') }}
    where exclusion_reason is null or exclusion_reason = 'crossover'
),

segments as (
    select experiment_id, name, slot from {{ registry }} where row_kind = 'segment'
),

quantile_groups as (
    select * from {{ ref('causalops', 'experiment_quantile_groups') }}
),

-- The name under which blocks look for their metrics; one block can serve both levels.
metrics as (
    select *
    from ({{ causalops.requested_quantiles() }}) as requested
    where position = 1 and level = 'unit'
),

cells as (
    select
        cast(null as {{ dbt.type_string() }}) as experiment_id,
        cast(null as {{ dbt.type_string() }}) as analysis,
        cast(null as {{ dbt.type_string() }}) as metric,
        {%- for column in cell %}
        cast(null as {{ 'boolean' if column[:3] == 'is_' else dbt.type_string() }}) as {{ column }},
        {%- endfor %}
        cast(null as {{ causalops.type_double() }}) as value,
        cast(null as {{ dbt.type_bigint() }}) as n
    where 1 = 0
    {%- for block in causalops.blocks_for(registry, 'unit_quantiles') %}
    union all
    {{ causalops.quantile_cells(block, cell) }}
    {%- endfor %}
),

members as (
    {{ causalops.quantile_populations('cells') }}
),

observed as (
    select quantile_groups.group_id, members.value, members.n
    from members
    inner join quantile_groups
        on {{ causalops.same_columns('quantile_groups', 'members', key) }}
    union all
    select units.group_id, events.value + 0.0, 1
    from {{ ref('causalops', 'experiment_event_units') }} as units
    inner join {{ ref('causalops', 'experiment_event_values') }} as events
        on {{ causalops.same_columns('events', 'units', ['experiment_id', 'fact', 'slot', 'unit_id']) }}
),

counted as (
    select group_id, value, cast(sum(n) as {{ dbt.type_bigint() }}) as n
    from observed
    group by group_id, value
    having sum(n) > 0
)

select
    counted.*,
    cast(sum(n) over (
        partition by group_id order by value rows between unbounded preceding and current row
    ) as {{ dbt.type_bigint() }}) as n_upto
from counted
