select 'not ours' as note
