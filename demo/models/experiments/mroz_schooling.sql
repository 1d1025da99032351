{% call causalops.experiment() %}
design: iv
owner: research
hypothesis: A year of schooling raises the wage of working women
assumption_note: >
  Parents' schooling moves their daughter's schooling, and her wage in no other way. With two
  instruments the data can contradict this, but not confirm it.
dataset: working_women
treatment: educ
instruments: [motheduc, fatheduc]
covariates: [exper, expersq]
metrics: {primary: [{metric: lwage, desired: increase}]}
robustness: [ols, liml, {name: mother_only, set: {instruments: [motheduc]}}]
{% endcall %}
