-- grain: experiment_id, variant. clusters of each arm and their sizes, for sample-ratio tests over clusters. A
-- cluster with units in several arms counts once as enrolled, in the arm that holds most of them.

select
    experiment_id,
    variant,
    cast(sum(case when is_main_arm then 1 else 0 end) as {{ dbt.type_bigint() }}) as n_enrolled,
    cast(sum(case when n_analysed > 0 then 1 else 0 end) as {{ dbt.type_bigint() }}) as n_analysed,
    cast(sum(case when is_split then 1 else 0 end) as {{ dbt.type_bigint() }}) as n_split,
    cast(sum(n_analysed) as {{ dbt.type_bigint() }}) as n_units,
    cast(sum(n_analysed * n_analysed) as {{ causalops.type_double() }}) as sum_squares,
    cast(min(case when n_analysed > 0 then n_analysed end) as {{ dbt.type_bigint() }}) as smallest,
    cast(max(n_analysed) as {{ dbt.type_bigint() }}) as largest
from {{ ref('causalops', 'experiment_clusters') }}
group by experiment_id, variant
