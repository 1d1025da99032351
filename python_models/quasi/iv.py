def model(dbt, session):
    dbt.config(alias="experiment_iv")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    gram = dbt.ref("causalops", "experiment_gram")
    moments = dbt.ref("causalops", "experiment_residual_moments")
    from causalops.frames import due_results

    return due_results(session, "quasi.iv", due, ("iv",), registry, gram, moments)
