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
    from causalops.frames import due_results

    tables = registry, moments, profile, caps, daily, counts
    tables += order_stats, event_quantiles, published
    return due_results(session, "randomised.ab_test", due, ("ab_test",), *tables)
