def model(dbt, session):
    dbt.config(alias="experiment_cluster_rct")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    moments = dbt.ref("causalops", "experiment_moments")
    profile = dbt.ref("causalops", "experiment_metric_profile")
    caps = dbt.ref("causalops", "experiment_caps")
    daily = dbt.ref("causalops", "experiment_daily_moments")
    counts = dbt.ref("causalops", "experiment_exposure_counts")
    clusters = dbt.ref("causalops", "experiment_cluster_moments")
    from causalops.frames import due_results

    tables = registry, moments, profile, caps, daily, counts, clusters
    return due_results(session, "randomised.cluster_rct", due, ("cluster_rct",), *tables)
