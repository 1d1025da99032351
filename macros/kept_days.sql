{# Tables kept by day hold one row per source, unit and day, and are written only where days are not settled.
   Before a run, `forgotten_days` deletes by predicate, never by returned keys, since a day may lose its rows:
   sources that nothing reads any more, rows without a day, and the days of sources read now that lie within the
   look-back of their last day. The run then appends what follows. The hook runs in a transaction of its own, since
   DuckDB cannot both delete from a table and give it a column in one; a run that is killed between the two reads
   on from the last day that is left. #}
{% macro forgotten_days(kind) -%}
    {%- if is_incremental() and not flags.EMPTY -%}
    delete from {{ this }}
    where exists (
        select 1
        from (
            select
                held.source_key,
                {{ 'false' if var('causalops_only', []) else 'sources.source_key is null' }} as is_dropped,
                coalesce(sources.is_read, false) as is_read,
                coalesce(
                    cast({{ dbt.dateadd('day', '-sources.look_back', 'held.last_day') }} as date),
                    {{ causalops.first_date() }}
                ) as settled_through
            from (
                select source_key, max(case when day < {{ causalops.run_day() }} then day end) as last_day
                from {{ this }}
                group by source_key
            ) as held
            left join {{ ref('causalops', 'experiment_sources') }} as sources
                on sources.kind = '{{ kind }}'
                and sources.source_key = held.source_key
        ) as limits
        where limits.source_key = {{ this.identifier }}.source_key
            and (
                limits.is_dropped
                or (limits.is_read and ({{ this.identifier }}.day is null or {{ this.identifier }}.day > limits.settled_through))
            )
    )
    {%- endif -%}
{%- endmacro %}

{# The sources of one kind that this run reads: everything from read_from on, which follows the days that are kept
   without a gap, and the days from first_day to before read_before, where an experiment looks further back than
   those that came before it. #}
{% macro sources_to_read(kind) -%}
    select
        sources.source_key,
        sources.input_model,
        sources.unit,
        sources.experiment_id,
        sources.first_day,
        {%- if is_incremental() %}
        coalesce(cast({{ dbt.dateadd('day', 1, 'kept.last_day') }} as date), sources.first_day) as read_from,
        coalesce(kept.kept_from, sources.first_day) as read_before
        {%- else %}
        sources.first_day as read_from,
        sources.first_day as read_before
        {%- endif %}
    from {{ ref('causalops', 'experiment_sources') }} as sources
    {%- if is_incremental() %}
    left join (select source_key, min(kept_from) as kept_from, max(day) as last_day from {{ this }} group by source_key) as kept
        on kept.source_key = sources.source_key
    {%- endif %}
    where sources.kind = '{{ kind }}'
        and sources.is_read
{%- endmacro %}

{# One value of the source of a fact and unit; NULL, which passes no comparison, when this run does not read it. #}
{% macro source_value(column, source) -%}
    (
        select {{ column }} from sources
        where input_model = {{ causalops.text_literal(source.input_model) }}
            and unit = {{ causalops.text_literal(source.name) }}
    )
{%- endmacro %}

{# Earlier than any day of a log. #}
{% macro first_date() -%} cast('0001-01-01' as date) {%- endmacro %}
