-- Words of the closed lists only.
{{ causalops.unlisted_words(ref('causalops', 'experiment_catalog'), {
    'status': ['draft', 'running', 'stopped', 'archived'],
    'spec_status': ['valid', 'invalid'],
    'phase': ['enrolling', 'maturing', 'complete', 'no_data'],
    'health': ['ok', 'warning', 'blocked', 'failed', 'no_data', 'draft', 'invalid'],
    'verdict': ['ship', 'discuss', 'do_not_ship', 'keep_running'],
}) }}
