select * from {{ ref('registry') }}
