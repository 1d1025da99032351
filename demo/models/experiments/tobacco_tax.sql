{% call causalops.experiment() %}
design: synthetic_control
owner: research
hypothesis: California's tobacco programme of 1989 lowers cigarette sales
assumption_note: No state of the pool had a programme of its own, and California's did not move sales elsewhere
dataset: state_cigarettes
unit: state
time: year
treated_from: programme_from
metrics: {primary: [{metric: packs, desired: decrease}]}
robustness: [did, leave_one_out]
{% endcall %}
