{% call causalops.experiment() %}
design: ab_test
owner: web
hypothesis: Loading images late makes slow pages faster, and nobody buys less
assignment: {model: fct_flags}
unit: user_id
variants: {control: 1, lazy: 1}
start: 2025-05-01
end: 2025-05-14
metrics: {primary: [page_ms], guardrail: [{metric: conversion, margin: 0.1}]}
segments: [platform]
{% endcall %}
