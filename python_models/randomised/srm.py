def model(dbt, session):
    dbt.config(alias="experiment_srm")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    counts = dbt.ref("causalops", "experiment_exposure_counts")
    clusters = dbt.ref("causalops", "experiment_cluster_counts")
    from causalops.frames import due_results
    from causalops.spec.words import RANDOMISED_DESIGNS

    tables = registry, counts, clusters
    return due_results(session, "randomised.srm", due, RANDOMISED_DESIGNS, *tables)
