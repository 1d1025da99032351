select
    countyreal as county,
    year,
    lemp,
    nullif(first_treat, 0) as raised_from
from {{ ref('mpdta') }}
