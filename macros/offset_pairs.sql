{# Union branches for `experiment_offset_moments`: one block's outcome parts by day after exposure. #}
{% macro offset_pairs(block, facts, slots) -%}
    {%- set parts = block.payload.parts | selectattr('name', 'in', ['y', 'z']) | list -%}
    {%- set read = [] -%}
    {%- for fact in facts if fact.name in parts | map(attribute='fact') -%}
        {%- do read.append({'days': 'days_' ~ (facts.index(fact) + 1), 'fact': fact}) -%}
    {%- endfor -%}
    {#- One row of a unit and day, unless a second fact or a count of distinct values adds another. #}
    {%- set is_single = read | length == 1 and not read[0].fact.is_distinct -%}
    {%- for pair in causalops.block_pairs({'payload': {'parts': parts}}) %}
    union all
    select
        experiment_id, metric, variant, day_offset, '{{ pair.a }}', '{{ pair.b }}', {{ 'true' if pair.is_zero_filled else 'false' }},
        count({{ pair.a }} + {{ pair.b }}),
        sum({{ pair.a }}), sum({{ pair.b }}), sum({{ pair.a }} * {{ pair.b }}),
        {{ 'sum(y * y * y)' if pair.is_outcome else 'null' }}
    from (
        select
            experiment_id, metric, variant, unit_id, day_offset
            {%- for part in parts %},
            {{ causalops.part_value({
                'fact': part.fact, 'slot': part.slot, 'den_slot': part.den_slot, 'phase': 'v', 'missing': part.missing,
            }, is_single) }} as {{ part.name }}
            {%- endfor %}
        from (
            {%- for item in read %}
            {{ 'union all' if not loop.first }}
            select metrics.experiment_id, metrics.metric, days.variant, days.unit_id, days.fact, days.day_offset, {{ causalops.slot_columns('days', slots) }}
            from {{ item.days }} as days
            inner join metrics
                on metrics.experiment_id = days.experiment_id
                and metrics.block_id = {{ block.block_id }}
                and days.exposure_day <= metrics.mature_through
                and days.day_offset <= metrics.mature_days
            where days.day_offset >= days.from_{{ (parts | selectattr('fact', 'equalto', item.fact.name) | first).slot }}
            {%- endfor %}
        ) as unit_values
        {%- if not is_single %}
        group by experiment_id, metric, variant, unit_id, day_offset
        {%- endif %}
    ) as unit_values
    where y is not null
    group by experiment_id, metric, variant, day_offset
    {%- endfor %}
{%- endmacro %}
