def model(dbt, session):
    dbt.config(alias="experiment_did")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    shapes = dbt.ref("causalops", "experiment_panel_shapes")
    moments = dbt.ref("causalops", "experiment_panel_moments")
    from causalops.frames import due_results

    return due_results(session, "quasi.did", due, ("did",), registry, shapes, moments)
