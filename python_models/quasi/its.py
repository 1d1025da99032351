def model(dbt, session):
    dbt.config(alias="experiment_its")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    from causalops.estimators.quasi import its
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("its",), registry, rows)
    return result_rows(session, its.run(*inputs), inputs[0])
