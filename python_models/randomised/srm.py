def model(dbt, session):
    dbt.config(alias="experiment_srm")
    due = dbt.ref("causalops", "experiment_due")
    registry = dbt.ref("causalops", "registry")
    counts = dbt.ref("causalops", "experiment_exposure_counts")
    from causalops.estimators.randomised import srm
    from causalops.frames import due_experiments, relation
    from causalops.results import RESULT_COLUMNS

    inputs = due_experiments(due, ("aa_test", "ab_test"), registry, counts)
    return relation(session, srm.run(*inputs), RESULT_COLUMNS)
