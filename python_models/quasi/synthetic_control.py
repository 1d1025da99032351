def model(dbt, session):
    dbt.config(alias="experiment_synthetic_control")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    from causalops.frames import due_results

    tables = registry, rows
    return due_results(session, "quasi.synthetic_control", due, ("synthetic_control",), *tables)
