def model(dbt, session):
    dbt.config(alias="experiment_iv")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    gram = dbt.ref("causalops", "experiment_gram")
    moments = dbt.ref("causalops", "experiment_residual_moments")
    from causalops.estimators.quasi import iv
    from causalops.frames import due_experiments, result_rows

    inputs = due_experiments(due, ("iv",), registry, gram, moments)
    return result_rows(session, iv.run(*inputs), inputs[0])
