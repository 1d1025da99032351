-- Words of the closed lists only; a check always has a status.
{{ causalops.unlisted_words(ref('causalops', 'experiment_checks_history'), {
    'status': ['pass', 'warn', 'fail', 'not_run'],
}) }}
union all
select 'status' as column_name, status as word
from {{ ref('causalops', 'experiment_checks_history') }}
where status is null
