{# CTEs kept_1, kept_2, ...: the most frequent values of each segment slot; the rest become '(other)'. #}
{% macro frequent_segment_values(exposures, slots) -%}
    {%- for slot in slots %}
kept_{{ slot }} as (
    select experiment_id, value
    from (
        select
            experiment_id,
            seg_{{ slot }} as value,
            row_number() over (partition by experiment_id order by count(*) desc, seg_{{ slot }}) as frequency_rank
        from {{ exposures }}
        where is_enrolled and is_planned
        group by experiment_id, seg_{{ slot }}
    ) as ranked
    where frequency_rank <= {{ var('max_segment_values') }}
){% if not loop.last %},{% endif %}
    {%- endfor %}
{%- endmacro %}
