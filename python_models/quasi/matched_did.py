def model(dbt, session):
    dbt.config(alias="experiment_matched_did")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    from causalops.frames import due_results

    return due_results(session, "quasi.matched_did", due, ("matched_did",), registry, rows)
