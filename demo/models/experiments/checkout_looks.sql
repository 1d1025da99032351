{# The log of checkout_cta, read as if its owners had planned three looks. The demo is built once, after
   the last of them, so the first two are skipped and their alpha is spent at the third. #}
{% call causalops.experiment() %}
design: ab_test
owner: growth
hypothesis: A shorter call to action raises paid conversion, and we want to stop as soon as that is clear
assignment: {model: fct_flags, key: checkout_cta}
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-16
n_planned: 12500
metrics: {primary: [conversion], secondary: [orders]}
sequential: {kind: group_sequential, looks: [2025-03-14, 2025-03-18, 2025-03-22], spending: obrien_fleming}
bayesian: true
{% endcall %}
