-- One commit per experiment and version. Warns: the views select from the log.
{{ config(severity='warn') }}
{{ causalops.broken_key(ref('causalops', 'experiment_versions'), ['experiment_id', 'version']) }}
