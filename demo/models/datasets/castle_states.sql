select
    sid,
    year,
    l_homicide,
    ln(motor) as l_motor_theft,
    min(case when post = 1 then year end) over (partition by sid) as law_from
from {{ ref('castle') }}
