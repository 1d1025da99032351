select * from {{ ref('results') }}
