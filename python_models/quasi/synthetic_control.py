def model(dbt, session):
    dbt.config(alias="experiment_synthetic_control")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    from causalops.estimators.quasi import synthetic_control
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("synthetic_control",), registry, rows)
    return result_rows(session, synthetic_control.run(*inputs), inputs[0])
