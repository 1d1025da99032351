select * from {{ ref('experiments') }}
