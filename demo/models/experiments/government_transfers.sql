{% call causalops.experiment() %}
design: rdd
owner: policy
hypothesis: Households that get the transfer support the government more
assumption_note: >
  The score was computed from a survey by a formula that nobody outside the ministry knew, so a
  household could not choose its side of the threshold, and nothing else depended on it.
dataset: gov_transfers
score: income_score          # predicted income less the threshold
cutoff: 0
treated_side: below
metrics: {primary: [{metric: support, desired: increase}], placebo: [age, education]}
robustness: [donut, half_bandwidth, double_bandwidth, local_quadratic, uniform_kernel]
{% endcall %}
