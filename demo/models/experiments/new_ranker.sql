{% call causalops.experiment() %}
design: ab_test
owner: search
hypothesis: A learned ranking raises conversion (still enrolling, and its split is broken)
assignment: {model: fct_flags}
unit: user_id
variants: {control: 1, learned: 1}
start: 2025-05-05
metrics: {primary: [conversion], secondary: [revenue, pages_viewed]}
{% endcall %}
