-- grain: experiment_id, variant. clusters of each arm and their sizes. n_enrolled, n_analysed and n_split count
-- every cluster once, in the arm that holds most of its units; n_held counts it in each of its arms.

select
    experiment_id,
    variant,
    cast(sum(case when is_main_arm then 1 else 0 end) as {{ dbt.type_bigint() }}) as n_enrolled,
    cast(sum(case when is_main_arm and n_analysed > 0 then 1 else 0 end) as {{ dbt.type_bigint() }}) as n_analysed,
    cast(sum(case when is_main_arm and is_split then 1 else 0 end) as {{ dbt.type_bigint() }}) as n_split,
    cast(sum(case when n_analysed > 0 then 1 else 0 end) as {{ dbt.type_bigint() }}) as n_held,
    cast(sum(n_analysed) as {{ dbt.type_bigint() }}) as n_units,
    cast(sum(n_analysed * n_analysed) as {{ causalops.type_double() }}) as sum_squares,
    cast(min(case when n_analysed > 0 then n_analysed end) as {{ dbt.type_bigint() }}) as smallest,
    cast(max(n_analysed) as {{ dbt.type_bigint() }}) as largest
from {{ ref('causalops', 'experiment_clusters') }}
group by experiment_id, variant
