{% call causalops.experiment() %}
design: ab_test
owner: pricing
hypothesis: Showing a yearly or a monthly plan first changes who buys
assignment: {model: fct_flags}
unit: user_id
variants: {control: 1, annual: 1, monthly: 1}
start: 2025-04-01
end: 2025-04-20
metrics: {primary: [conversion_14], secondary: [mean_amount, channels, back_in_week_2]}
segments: [country]
{% endcall %}
