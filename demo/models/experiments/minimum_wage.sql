{% call causalops.experiment() %}
design: did
owner: research
hypothesis: A higher minimum wage changes teen employment
assumption_note: Counties of states that raised their minimum wage would have moved like those of the others
dataset: wage_counties
unit: county
time: year
treated_from: raised_from
metrics: {primary: [{metric: lemp, as: log_employment, desired: increase}]}
robustness: [twfe, not_yet_treated, universal_base, {name: anticipated, set: {anticipation: 1}}]
{% endcall %}
