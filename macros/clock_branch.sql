{# One scan of one input model for `experiment_clock`. `source` is an assignment or fact mapping. #}
{% macro clock_branch(role, source, slots) -%}
    {%- set map = source.payload -%}
    {%- set unit = adapter.quote(source.unit_column) -%}
    {%- set stamp = map.timestamp -%}
    {%- set hashes = {} -%}
    {%- if role == 'assignment' -%}
        {%- do hashes.update({0: causalops.assignment_columns(source)}) -%}
    {%- endif -%}
    {%- for measure in map.slots or [] -%}
        {%- set columns = [unit] + ([adapter.quote(stamp.column)] if stamp else []) -%}
        {%- if measure.value -%}{%- do columns.append(adapter.quote(measure.value)) -%}{%- endif -%}
        {%- for filter in measure.filters -%}{%- do columns.append(adapter.quote(filter.column)) -%}{%- endfor -%}
        {%- do hashes.update({measure.slot: columns}) -%}
    {%- endfor %}
    select
        '{{ role }}',
        {{ causalops.text_literal(source.input_model) }},
        {{ causalops.text_literal(source.name) }},
        {% if map.key %}cast({{ adapter.quote(map.key) }} as {{ dbt.type_string() }}){% else %}cast(null as {{ dbt.type_string() }}){% endif %} as key_text,
        {% if stamp %}{{ causalops.local_day(causalops.to_utc(adapter.quote(stamp.column), stamp.kind), stamp.kind, var('timezone')) }}{% else %}cast(null as date){% endif %} as day,
        count(*)
        {%- for slot in [0] + slots | list %},
        {% if slot in hashes %}sum({{ causalops.row_hash(hashes[slot]) }}){% else %}cast(null as {{ causalops.type_wide_integer() }}){% endif %}
        {%- endfor %}
    from {{ ref(source.input_model) }}
    cross join (
        select 1 as is_read from open_inputs
        where input_model = {{ causalops.text_literal(source.input_model) }}
    ) as wanted
    group by key_text, day
{%- endmacro %}

{# Every column of an assignment model that a mapping names, quoted. #}
{% macro assignment_columns(source) -%}
    {%- set map = source.payload -%}
    {%- set names = [source.unit_column, map.variant] + map.segments -%}
    {%- for name in [map.key, map.received, map.cluster, map.exclude] if name -%}{%- do names.append(name) -%}{%- endfor -%}
    {%- for stamp in [map.timestamp, map.trigger] if stamp -%}{%- do names.append(stamp.column) -%}{%- endfor -%}
    {%- set quoted = [] -%}
    {%- for name in names -%}{%- do quoted.append(adapter.quote(name)) -%}{%- endfor -%}
    {{ return(quoted) }}
{%- endmacro %}
