def model(dbt, session):
    dbt.config(alias="experiment_heckman")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    from causalops.estimators.quasi import heckman
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("heckman",), registry, rows)
    return result_rows(session, heckman.run(*inputs), inputs[0])
