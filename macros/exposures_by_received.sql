{# Every exposure with whether its unit received the treatment: false where the design is no encouragement. #}
{% macro exposures_by_received() -%}
    select
        exposures.*,
        received.unit_id is not null as is_received
    from {{ ref('causalops', 'experiment_exposures') }} as exposures
    left join {{ ref('causalops', 'experiment_received') }} as received
        on received.experiment_id = exposures.experiment_id
        and received.unit_id = exposures.unit_id
{%- endmacro %}
