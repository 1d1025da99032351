{% call causalops.experiment() %}
design: encouragement
owner: research
hypothesis: A voucher makes people fetch their test result; what was so before cannot change
assignment: {model: thornton_hiv}
unit: id
variants: [control, incentive]
received: got
cluster: village
metrics: {placebo: [age, km_to_results, hiv_positive]}
{% endcall %}
