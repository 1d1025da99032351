{% call causalops.experiment() %}
design: ab_test
status: draft
owner: growth
hypothesis: One page instead of three at checkout
assignment: {model: fct_flags, key: one_page_checkout}
unit: user_id
variants: {control: 1, one_page: 1}
start: 2025-06-02
end: 2025-06-15
metrics: {primary: [conversion]}
{% endcall %}
