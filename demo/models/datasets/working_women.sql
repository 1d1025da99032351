select lwage, educ, exper, expersq, motheduc, fatheduc, huseduc
from {{ ref('mroz') }}
where inlf = 1
