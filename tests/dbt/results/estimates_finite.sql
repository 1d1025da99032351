-- NULL, never NaN or infinity.
{{ causalops.not_finite(ref('causalops', 'experiment_estimates_history'), [
    'parameter', 'ci_level', 'mean_variant', 'mean_baseline', 'sd_variant', 'sd_baseline', 'estimate', 'std_error',
    'df', 'statistic', 'p_value', 'null_value', 'p_adjusted', 'ci_low', 'ci_high', 'prob_better', 'expected_loss',
    'variance_reduction', 'mde', 'info_fraction',
]) }}
