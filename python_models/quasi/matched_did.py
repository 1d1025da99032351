def model(dbt, session):
    dbt.config(alias="experiment_matched_did")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    rows = dbt.ref("causalops", "experiment_dataset_rows")
    from causalops.estimators.quasi import matched_did
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("matched_did",), registry, rows)
    return result_rows(session, matched_did.run(*inputs), inputs[0])
