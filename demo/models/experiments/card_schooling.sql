{% call causalops.experiment() %}
design: iv
owner: research
hypothesis: A year of schooling raises the wage
assumption_note: >
  Growing up near a college makes schooling cheaper, and moves the wage in no other way once
  region, city and race are held fixed.
dataset: card
treatment: educ
instruments: [nearc4]
covariates: [exper, expersq, black, smsa, south, smsa66, reg662, reg663, reg664, reg665, reg666,
             reg667, reg668, reg669]
metrics: {primary: [{metric: lwage, desired: increase}]}
robustness: [ols, {name: both_colleges, set: {instruments: [nearc4, nearc2]}}]
{% endcall %}
