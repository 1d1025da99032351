select * from {{ ref('checks') }}
