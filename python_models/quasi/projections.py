def model(dbt, session):
    dbt.config(alias="experiment_projections")
    due = dbt.ref("causalops", "experiment_due")
    gram = dbt.ref("causalops", "experiment_gram")
    from causalops.estimators.quasi import projections
    from causalops.frames import due_experiments, relation

    inputs = due_experiments(due, ("iv",), gram)
    return relation(session, projections.run(*inputs), projections.COLUMNS)
