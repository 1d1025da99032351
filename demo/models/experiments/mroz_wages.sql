{% call causalops.experiment() %}
design: heckman
owner: research
hypothesis: A year of schooling raises the wage that a married woman could earn
assumption_note: >
  Young children, age and the husband's income move the choice to work and not the wage offered;
  what is left out of both equations is jointly normal.
dataset: mroz
selected: inlf               # a wage is seen for those who work
treatment: educ
covariates: [exper, expersq]
exclusion: [nwifeinc, age, kidslt6, kidsge6]
metrics: {primary: [{metric: lwage, desired: increase}]}
robustness: [ols, maximum_likelihood]
{% endcall %}
