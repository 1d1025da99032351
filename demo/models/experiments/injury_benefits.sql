{% call causalops.experiment() %}
design: did
owner: research
hypothesis: Higher benefits keep injured workers away from work for longer
assumption_note: >
  The cap was raised, so only high earners got more. Without the change, weeks of benefits of high
  and low earners would have moved alike; nothing else changed for one group that year.
dataset: injury_benefits_ky
treated: highearn
post: afchnge
method: two_by_two
metrics: {primary: [{metric: ldurat, as: log_weeks, desired: decrease}]}
{% endcall %}
