def model(dbt, session):
    dbt.config(alias="experiment_did")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    shapes = dbt.ref("causalops", "experiment_panel_shapes")
    moments = dbt.ref("causalops", "experiment_panel_moments")
    from causalops.estimators.quasi import did
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("did",), registry, shapes, moments)
    return result_rows(session, did.run(*inputs), inputs[0])
