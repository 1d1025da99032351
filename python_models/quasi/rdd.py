def model(dbt, session):
    dbt.config(alias="experiment_rdd")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    bins = dbt.ref("causalops", "experiment_score_bins")
    from causalops.frames import due_results

    return due_results(session, "quasi.rdd", due, ("rdd",), registry, rows, bins)
