-- One row per experiment, metric and variant. Warns: experiment files select from the scorecard.
{{ config(severity='warn') }}
{{ causalops.broken_key(ref('causalops', 'experiment_scorecard'), ['experiment_id', 'metric', 'variant', 'baseline']) }}
