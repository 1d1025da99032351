-- grain: experiment_id, cluster_id, variant. units of each cluster and arm, for experiments that name a
-- cluster. With more clusters than fit into kilobytes, and none of them in two arms, clusters of equal size
-- are summed in the warehouse (is_grouped): their variance needs no more than that.
{%- set most_single = 20000 %}

with

units as (
    select experiment_id, cluster_id, variant, exclusion_reason
    from {{ ref('causalops', 'experiment_exposures') }}
    where cluster_id is not null
        and coalesce(exclusion_reason, '') not in ('outside_enrolment', 'unplanned_variant')
),

counted as (
    select
        experiment_id,
        cluster_id,
        variant,
        count(*) as n_enrolled,
        sum(case when exclusion_reason is null then 1 else 0 end) as n_analysed
    from units
    group by experiment_id, cluster_id, variant
),

compared as (
    select
        counted.*,
        count(*) over (partition by experiment_id, cluster_id) as n_arms,
        sum(case when n_analysed > 0 then 1 else 0 end) over (partition by experiment_id, cluster_id) as n_arms_analysed,
        row_number() over (partition by experiment_id, cluster_id order by n_analysed desc, n_enrolled desc, variant) as arm_rank
    from counted
)

select
    experiment_id,
    cluster_id,
    variant,
    cast(n_enrolled as {{ dbt.type_bigint() }}) as n_enrolled,
    cast(n_analysed as {{ dbt.type_bigint() }}) as n_analysed,
    arm_rank = 1 as is_main_arm,
    n_analysed > 0 and n_arms_analysed > 1 as is_split,
    count(*) over (partition by experiment_id) > {{ most_single }}
    and max(n_arms) over (partition by experiment_id) = 1 as is_grouped
from compared
