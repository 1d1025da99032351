{# The rows of one dataset as one analysis reads them: keys as text, time as a number (days since 1970 for
   dates), numeric columns in generic slots, anything that is no finite number as NULL. `width` and
   `n_labels` pad the columns for a union; `keeps_types` leaves units and whole numbers of time as they are, which is cheaper, and
   `is_due` says that the caller knows the experiment to be due. The calling model offers the CTE `due`. #}
{% macro dataset_rows(source, width=none, n_labels=none, keeps_types=false, is_due=false) -%}
    {%- set map = source.payload -%}
    {%- set slots = {} -%}
    {%- for column in map.columns -%}{%- do slots.update({column.slot: column.column}) -%}{%- endfor -%}
    {%- set width = width or slots | length -%}
    {%- set n_labels = n_labels if n_labels is not none else map.labels | length %}
    select
        {{ causalops.text_literal(map.experiment_id) }} as experiment_id,
        {{ causalops.text_literal(map.analysis) }} as analysis,
        {% if keeps_types and map.unit %}source.{{ adapter.quote(map.unit) }}{% else %}{{ causalops.optional_text('source', map.unit) }}{% endif %} as unit_id,
        {{ causalops.optional_text('source', map.cluster) }} as cluster_id,
        {{ causalops.dataset_time(map.time, keeps_types) }} as period,
        {{ causalops.dataset_time(map.treated_from, keeps_types) }} as treated_from
        {%- for slot in range(1, width + 1) %},
        {% if slot in slots %}{{ causalops.dataset_number(slots[slot]) }}{% else %}cast(null as {{ causalops.type_double() }}){% endif %} as v_{{ slot }}
        {%- endfor %}
        {%- for index in range(n_labels) %},
        {{ causalops.optional_text('source', map.labels[index] if index < map.labels | length else none) }} as label_{{ index + 1 }}
        {%- endfor %}
    from {{ ref(source.input_model) }} as source
    {%- if not is_due %}
    where exists (select 1 from due where experiment_id = {{ causalops.text_literal(map.experiment_id) }})
    {%- endif %}
{%- endmacro %}

{# A number or a boolean as a finite double. #}
{% macro dataset_number(column) -%}
    {{ causalops.safe_number('source.' ~ adapter.quote(column)) }}
{%- endmacro %}

{% macro dataset_time(stamp, keeps_types=false) -%}
    {%- if not stamp -%}cast(null as {{ causalops.type_double() }})
    {%- elif stamp.is_integer and keeps_types -%}source.{{ adapter.quote(stamp.column) }}
    {%- elif stamp.is_integer -%}cast(source.{{ adapter.quote(stamp.column) }} as {{ causalops.type_double() }})
    {%- elif stamp.kind == 'number' -%}{{ causalops.dataset_number(stamp.column) }}
    {%- else -%}
        {%- set day = causalops.local_day(causalops.to_utc('source.' ~ adapter.quote(stamp.column), stamp.kind), stamp.kind, var('timezone')) -%}
        cast({{ causalops.days_between("cast('1970-01-01' as date)", day) }} as {{ causalops.type_double() }})
    {%- endif -%}
{%- endmacro %}

{# The CTE `due` of a model that reads datasets: experiments to compute now. dbt learns
   here that the model depends on every listed dataset, since the registry that names them does not exist yet
   when dbt parses. #}
{% macro due_datasets() -%}
    {%- for name in causalops.input_models(['dataset_models']) -%}{%- do ref(name) -%}{%- endfor -%}
due as (
    select experiment_id
    from {{ ref('causalops', 'experiment_due') }}
    where is_due
),
{%- endmacro %}
