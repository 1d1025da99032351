-- Every committed version of the log shows rows, and every row shown belongs to a committed version.
with

versions as (
    select distinct experiment_id, version from {{ ref('causalops', 'experiment_versions') }}
),

shown as (
    select experiment_id, version from {{ ref('causalops', 'experiment_estimates_history') }}
    union
    select experiment_id, version from {{ ref('causalops', 'experiment_checks_history') }}
    union
    select experiment_id, version from {{ ref('causalops', 'experiment_curves_history') }}
)

select coalesce(versions.experiment_id, shown.experiment_id) as experiment_id
from versions
full outer join shown
    on shown.experiment_id = versions.experiment_id
    and shown.version = versions.version
where versions.experiment_id is null or shown.experiment_id is null
