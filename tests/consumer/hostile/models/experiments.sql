select * from {{ ref('estimates') }}
