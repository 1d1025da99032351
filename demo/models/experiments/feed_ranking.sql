{% call causalops.experiment() %}
design: cluster_rct
owner: community
hypothesis: A learned ranking of the feed makes members post more
assignment: {model: fct_feed}
unit: user_id
cluster: circle
network: feed_friends
variants: {control: 1, learned: 1}
start: 2025-02-03
end: 2025-02-09
metrics: {primary: [posts], secondary: [posting]}
{% endcall %}
