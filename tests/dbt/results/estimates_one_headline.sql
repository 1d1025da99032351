-- Exactly one headline per experiment, metric, variant, baseline and scale of the main analysis, over all units;
-- levels (no baseline) may have none. Nowhere else is there a headline.
with

estimates as (
    select * from {{ ref('causalops', 'experiment_estimates_history') }}
)

select experiment_id, version, metric, variant, baseline, scale
from estimates
where analysis = 'main' and segment_dim = 'all' and scale in ('absolute', 'relative')
group by experiment_id, version, metric, variant, baseline, scale
having sum(case when is_headline then 1 else 0 end) <> 1
    and not (baseline = 'none' and sum(case when is_headline then 1 else 0 end) = 0)
union all
select experiment_id, version, metric, variant, baseline, scale
from estimates
where is_headline and (analysis <> 'main' or segment_dim <> 'all' or scale = 'total')
union all
select experiment_id, version, metric, variant, baseline, scale
from estimates
where is_headline is null
