{% call causalops.experiment() %}
design: ab_test
owner: research
hypothesis: The job programme raised earnings most among those who earn well
assignment: {model: nsw}
unit: id
variants: [control, treated]
metrics: {primary: [earnings_1978_quantiles]}
{% endcall %}
