def model(dbt, session):
    dbt.config(alias="experiment_srm")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    counts = dbt.ref("causalops", "experiment_exposure_counts")
    clusters = dbt.ref("causalops", "experiment_cluster_counts")
    from causalops.estimators.randomised import srm
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, srm.DESIGNS, registry, counts, clusters)
    return result_rows(session, srm.run(*inputs), inputs[0])
