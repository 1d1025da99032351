{% call causalops.experiment() %}
design: encouragement
owner: research
hypothesis: Vitamin A keeps children alive
assignment: {model: vitamin_a_children}
unit: child_id
variants: [control, vitamin]
cluster: unknown             # villages were randomised, but the data do not name them
metrics: {primary: [survival]}
{% endcall %}
