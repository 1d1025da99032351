def model(dbt, session):
    dbt.config(alias="experiment_spillover")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    moments = dbt.ref("causalops", "experiment_spillover_moments")
    profile = dbt.ref("causalops", "experiment_neighbour_profile")
    from causalops.frames import due_results

    tables = registry, moments, profile
    return due_results(session, "randomised.spillover", due, ("cluster_rct",), *tables)
