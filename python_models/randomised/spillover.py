def model(dbt, session):
    dbt.config(alias="experiment_spillover")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    moments = dbt.ref("causalops", "experiment_spillover_moments")
    profile = dbt.ref("causalops", "experiment_neighbour_profile")
    from causalops.estimators.randomised import spillover
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("cluster_rct",), registry, moments, profile)
    return result_rows(session, spillover.run(*inputs), inputs[0])
