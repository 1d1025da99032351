-- Words of the closed lists only.
{{ causalops.unlisted_words(ref('causalops', 'experiment_estimates_history'), {
    'status': ['ok', 'warning', 'blocked', 'skipped', 'failed', 'reference'],
    'verdict': ['better', 'worse', 'not_worse', 'different', 'no_difference_found', 'too_early', 'not_evaluated'],
    'metric_role': ['primary', 'secondary', 'guardrail', 'placebo'],
    'scale': ['absolute', 'relative', 'total'],
    'test': ['difference', 'non_inferiority', 'equivalence'],
    'window_kind': ['overall', 'cumulative', 'exposure_day', 'calendar_day'],
    'ci_kind': ['fixed', 'delta', 'fieller', 'log', 'uniform', 'sequential', 'credible', 'anderson_rubin',
        'conventional', 'bias_corrected', 'robust_bias_corrected', 'bootstrap', 'permutation', 'placebo', 'none'],
    'ci_shape': ['interval', 'below_only', 'above_only', 'whole_line', 'disjoint', 'empty', 'none'],
    'se_kind': ['welch', 'delta', 'classic', 'hc0', 'hc1', 'hc2', 'hc3', 'cr1', 'cr2', 'hac', 'gls', 'influence',
        'abadie_imbens', 'two_step', 'bootstrap', 'none'],
}) }}
