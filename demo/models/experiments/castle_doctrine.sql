{% call causalops.experiment() %}
design: did
owner: research
hypothesis: Castle doctrine laws change the number of homicides
assumption_note: >
  States that passed a law would have had the homicide trends of those that did not. The laws do
  not concern theft of parked cars, which serves as placebo.
dataset: castle_states
unit: sid
time: year
treated_from: law_from
metrics: {primary: [{metric: l_homicide, as: log_homicide, desired: decrease}], placebo: [l_motor_theft]}
robustness: [twfe, not_yet_treated, leave_one_cohort_out]
{% endcall %}
