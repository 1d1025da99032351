{% call causalops.experiment() %}
design: aa_test
owner: search
hypothesis: Both arms are served the same search page
assignment: {model: fct_flags}
unit: user_id
variants: {a: 1, b: 1}
control: a
start: 2025-04-07
end: 2025-04-20
metrics: {primary: [conversion], secondary: [revenue, visits, large_order]}
{% endcall %}
