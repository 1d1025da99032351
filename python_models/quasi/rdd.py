def model(dbt, session):
    dbt.config(alias="experiment_rdd")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    bins = dbt.ref("causalops", "experiment_score_bins")
    from causalops.estimators.quasi import rdd
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("rdd",), registry, rows, bins)
    return result_rows(session, rdd.run(*inputs), inputs[0])
