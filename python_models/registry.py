def model(dbt, session):
    dbt.config(alias="experiment_registry")
    specs = dbt.ref("causalops", "experiment_specs")
    from causalops.frames import records, relation
    from causalops.spec.registry import REGISTRY_COLUMNS, registry_rows

    return relation(session, registry_rows(records(specs)), REGISTRY_COLUMNS)
