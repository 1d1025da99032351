{% call causalops.experiment() %}
design: matched_did
owner: research
hypothesis: Men of a job programme's control group earn what like men of the survey earn
assumption_note: Among men of equal age, schooling, family, origin and earnings in 1974, earnings would have moved alike.
dataset: nsw_comparison
unit: person
time: year
treated_from: in_programme_from
match_on: [age, educ, black, hisp, married, nodegree, re74]
metrics: {primary: [{metric: earnings, desired: increase}]}
robustness: [bias_corrected, no_caliper, unmatched, outcome_regression, ipw]
{% endcall %}
