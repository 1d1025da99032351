{% call causalops.experiment() %}
design: ab_test
owner: growth
hypothesis: A shorter call to action raises paid conversion
assignment: {model: fct_flags}
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-16
metrics: {primary: [conversion], secondary: [revenue, order_value, orders_per_visit], guardrail: [{metric: refund_rate, margin: 0.1}]}
segments: [platform, country]
decision: {ship_if: {conversion: better, refund_rate: not_worse}, do_not_ship_if: {order_value: worse}}
robustness: [unadjusted, {name: window_3, set: {window_days: 3}}]
{% endcall %}
