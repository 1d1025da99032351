def model(dbt, session):
    dbt.config(alias="experiment_ab_test")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    moments = dbt.ref("causalops", "experiment_moments")
    profile = dbt.ref("causalops", "experiment_metric_profile")
    caps = dbt.ref("causalops", "experiment_caps")
    daily = dbt.ref("causalops", "experiment_daily_moments")
    counts = dbt.ref("causalops", "experiment_exposure_counts")
    order_stats = dbt.ref("causalops", "experiment_order_stats")
    event_quantiles = dbt.ref("causalops", "experiment_event_quantiles")
    published = dbt.ref("causalops", "experiment_published")
    from causalops.estimators.randomised import ab_test
    from causalops.frames import due_experiments, result_rows

    tables = registry, moments, profile, caps, daily, counts
    tables += order_stats, event_quantiles, published
    inputs = due_experiments(due, ("ab_test",), *tables)
    return result_rows(session, ab_test.run(*inputs), inputs[0])
