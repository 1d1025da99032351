def model(dbt, session):
    dbt.config(alias="experiment_graph_clusters")
    edges = dbt.ref("causalops", "experiment_graph_edges")
    profile = dbt.ref("causalops", "experiment_graph_profile")
    from causalops.frames import records, relation
    from causalops.networks.communities import CLUSTER_COLUMNS, graph_clusters

    rows = graph_clusters(records(edges), records(profile))
    return relation(session, rows, CLUSTER_COLUMNS)
