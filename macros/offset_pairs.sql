{# Union branches for `experiment_offset_moments`: one block's outcome parts by day after exposure. Facts in
   `distinct_facts` can have two rows of a unit and day, one for sums and one for distinct values. #}
{% macro offset_pairs(block, distinct_facts) -%}
    {%- set parts = block.payload.parts | selectattr('name', 'in', ['y', 'z']) | list -%}
    {%- set is_single = parts | map(attribute='fact') | unique | list | length == 1 and parts[0].fact not in distinct_facts -%}
    {%- set facts = [] -%}
    {%- for part in parts -%}{%- do facts.append(causalops.text_literal(part.fact)) -%}{%- endfor -%}
    {%- for pair in causalops.block_pairs({'payload': {'parts': parts}}) %}
    union all
    select
        experiment_id, metric, variant, day_offset, '{{ pair.a }}', '{{ pair.b }}', {{ 'true' if pair.is_zero_filled else 'false' }},
        count({{ pair.a }} + {{ pair.b }}),
        sum({{ pair.a }}), sum({{ pair.b }}), sum({{ pair.a }} * {{ pair.b }}),
        {{ 'sum(y * y * y)' if pair.is_outcome else 'null' }}
    from (
        select
            metrics.experiment_id, metrics.metric, unit_days.variant, unit_days.unit_id, unit_days.day_offset
            {%- for part in parts %},
            {{ causalops.part_value({
                'fact': part.fact, 'slot': part.slot, 'den_slot': part.den_slot, 'phase': 'v', 'missing': part.missing,
            }, is_single) }} as {{ part.name }}
            {%- endfor %}
        from metrics
        inner join unit_days
            on unit_days.experiment_id = metrics.experiment_id
            and unit_days.exposure_day <= metrics.mature_through
            and unit_days.day_offset <= metrics.mature_days
        inner join window_starts
            on window_starts.experiment_id = metrics.experiment_id
            and window_starts.window_fact = unit_days.fact
        where metrics.block_id = {{ block.block_id }}
            and unit_days.fact in ({{ facts | join(', ') }})
            and unit_days.day_offset >= case
                {%- for part in parts %}
                when unit_days.fact = {{ causalops.text_literal(part.fact) }} then window_starts.from_{{ part.slot }}
                {%- endfor %}
            end
        {%- if not is_single %}
        group by metrics.experiment_id, metrics.metric, unit_days.variant, unit_days.unit_id, unit_days.day_offset
        {%- endif %}
    ) as unit_values
    where y is not null
    group by experiment_id, metric, variant, day_offset
    {%- endfor %}
{%- endmacro %}
