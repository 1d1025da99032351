def model(dbt, session):
    dbt.config(alias="experiment_ab_test")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    moments = dbt.ref("causalops", "experiment_moments")
    profile = dbt.ref("causalops", "experiment_metric_profile")
    caps = dbt.ref("causalops", "experiment_caps")
    daily = dbt.ref("causalops", "experiment_daily_moments")
    counts = dbt.ref("causalops", "experiment_exposure_counts")
    from causalops.estimators.randomised import ab_test
    from causalops.frames import due_experiments, relation
    from causalops.results import RESULT_COLUMNS

    inputs = due_experiments(due, ("ab_test",), registry, moments, profile, caps, daily, counts)
    return relation(session, ab_test.run(*inputs), RESULT_COLUMNS)
