-- One row per man and year. Nobody here was trained: the experiment's control group stands against men of a
-- population survey, so the effect is 0 and what a method finds is the selection that it leaves.
{% for year in (1975, 1978) -%}
select
    person,
    {{ year }} as year,
    case when is_nsw = 1 then 1978 end as in_programme_from,
    re{{ year - 1900 }} as earnings,
    age,
    educ,
    black,
    hisp,
    married,
    nodegree,
    re74
from {{ ref('nsw_cps') }}
{%- if not loop.last %}
union all
{% endif %}
{%- endfor %}
