def model(dbt, session):
    dbt.config(alias="experiment_its")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    from causalops.frames import due_results

    return due_results(session, "quasi.its", due, ("its",), registry, rows)
