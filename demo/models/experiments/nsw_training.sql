{% call causalops.experiment() %}
design: ab_test
owner: research
hypothesis: The job programme raised earnings in 1978
assignment: {model: nsw}
unit: id
variants: [control, treated]
metrics: {primary: [earnings_1978], secondary: [employed_1978]}
covariates: [earnings_1975]
{% endcall %}
