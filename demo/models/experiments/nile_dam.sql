{% call causalops.experiment() %}
design: its
owner: research
hypothesis: Less water passed Aswan from 1899 on
assumption_note: No other change of the river or of its measurement began in 1899, and the trend before would have gone on
dataset: nile
time: year
intervention: 1899           # the first year of the works on the dam
metrics: {primary: [volume]}
robustness: [ar2, hac, level_only]
{% endcall %}
