{# One scan of one input model for `experiment_clock`. `source` is an assignment, fact or dataset mapping. The
   inner aliases carry a prefix, so that no column of the user's can be mistaken for them. #}
{% macro clock_branch(role, source, slots) -%}
    {%- set map = source.payload -%}
    {%- set stamp = map.timestamp -%}
    {%- set at = causalops.to_utc('source.' ~ adapter.quote(stamp.column), stamp.kind) if stamp else none -%}
    {%- set day = causalops.local_day(at, stamp.kind, var('timezone')) if stamp else none -%}
    {#- Settled days keep the hash they have. #}
    {%- set is_open = 'coalesce(' ~ day ~ ' > (select settled_through from settled where role = ' ~ "'" ~ role ~ "'" ~ ' and input_model = '
        ~ causalops.text_literal(source.input_model) ~ ' and unit = ' ~ causalops.text_literal(source.name) ~ '), true)' -%}
    {%- set hashes = causalops.hashed_columns(role, source) %}
    select
        '{{ role }}',
        {{ causalops.text_literal(source.input_model) }},
        {{ causalops.text_literal(source.name) }},
        {{ 'true' if stamp else 'false' }},
        causalops_key,
        causalops_day,
        count(*)
        {%- for slot in slots %},
        {% if slot in hashes %}sum(causalops_hash_{{ slot }}){% else %}cast(null as {{ causalops.type_wide_integer() }}){% endif %}
        {%- endfor %}
    from (
        select
            {{ causalops.optional_text('source', map.key) }} as causalops_key,
            {{ day or 'cast(null as date)' }} as causalops_day
            {%- for slot, columns in hashes.items() %},
            {{ 'case when ' ~ is_open ~ ' then ' ~ causalops.row_hash(columns) ~ ' end' if stamp else causalops.row_hash(columns) }} as causalops_hash_{{ slot }}
            {%- endfor %}
        from {{ ref(source.input_model) }} as source
        where exists (
            select 1 from open_inputs
            where input_model = {{ causalops.text_literal(source.input_model) }}
        )
    ) as input_rows
    group by causalops_key, causalops_day
{%- endmacro %}

{# slot -> the columns whose hash tells whether the data of the slot changed; 0 for assignment rows. #}
{% macro hashed_columns(role, source) -%}
    {%- set map = source.payload -%}
    {%- set hashes = {} -%}
    {%- if role == 'assignment' -%}
        {%- set names = [source.unit_column, map.variant] + map.segments -%}
        {%- for name in [map.key, map.received, map.exclude] + (map.clusters or []) if name -%}{%- do names.append(name) -%}{%- endfor -%}
        {%- for stamp in [map.timestamp, map.trigger] if stamp -%}{%- do names.append(stamp.column) -%}{%- endfor -%}
        {%- do hashes.update({0: causalops.source_columns(names)}) -%}
    {%- elif role == 'dataset' -%}
        {%- do hashes.update({0: causalops.source_columns(map.hashed)}) -%}
    {%- endif -%}
    {%- for measure in map.slots or [] -%}
        {%- set names = [source.unit_column] + ([map.timestamp.column] if map.timestamp else []) -%}
        {%- if measure.value -%}{%- do names.append(measure.value) -%}{%- endif -%}
        {%- for filter in measure.filters -%}{%- do names.append(filter.column) -%}{%- endfor -%}
        {%- do hashes.update({measure.slot: causalops.source_columns(names)}) -%}
    {%- endfor -%}
    {{ return(hashes) }}
{%- endmacro %}

{% macro source_columns(names) -%}
    {%- set columns = [] -%}
    {%- for name in names -%}{%- do columns.append('source.' ~ adapter.quote(name)) -%}{%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
