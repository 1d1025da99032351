"""The commented experiment files that `causalops new` writes."""

from __future__ import annotations

from causalops.spec import words

_RANDOMISED = """\
{{% call causalops.experiment() %}}
design: {design}
status: draft                 # draft is checked and never computed; then running, stopped, archived
owner: my_team
hypothesis: What should change, in which direction, and why
# assignment: {{model: my_assignments}}   # may be left out when only one is listed
unit: user_id                 # a unit that the assignment and the facts declare
{own}variants: {{control: 1, treatment: 1}}    # weights; a list when they are unknown
start: 2026-01-05
# end: 2026-01-18             # last day of enrolment; outcomes run on to each unit's window end
metrics:
  primary: [my_metric]
  # secondary: [another_metric]
  # guardrail: [{{metric: a_third_metric, margin: 0.02}}]
# segments: [platform]
{more}{{% endcall %}}
"""
_OWN = {
    "encouragement": """\
received: my_flag             # the assignment's `received` column, or a proportion of a fact
# cluster: account_id         # when whole clusters were offered the treatment
""",
    "cluster_rct": """\
cluster: account_id           # a key under `clusters` of the assignment: what was randomised
# network: my_edges           # a model with `graph`: shows how far treatment leaks between clusters
""",
}
_MORE = {
    "ab_test": """\
# n_planned: 20000            # units per arm; scales the always-valid interval and planned looks
# sequential: {kind: group_sequential, looks: [2026-01-12, 2026-01-25]}   # metrics with windows
# bayesian: true
""",
}
_DECISION = "# decision: {ship_if: {my_metric: better, a_third_metric: not_worse}}\n"

_DATASET = """\
{{% call causalops.experiment() %}}
design: {design}
status: draft                 # draft is checked and never computed; then running, stopped, archived
owner: my_team
hypothesis: What should change, in which direction, and why
assumption_note: {assumption}
dataset: my_dataset           # a model listed under vars.causalops.dataset_models
{own}metrics:                      # columns of the dataset
  primary: [{{metric: my_outcome, desired: increase}}]
  # placebo: [another_outcome]    # an outcome that the treatment cannot affect
{covariates}# robustness: [{robustness}]
{{% endcall %}}
"""
_ASSUMPTION = {
    "its": "Why nothing else changed at that time",
    "did": "Why both groups would have moved in parallel without the treatment",
    "matched_did": "Why matched units would have moved in parallel without the treatment",
    "synthetic_control": "Why the donors were not affected, and follow the same forces",
    "rdd": "Why nobody could choose on which side of the cutoff to be",
    "iv": "Why the instrument moves the outcome through the treatment alone",
    "heckman": "Why the excluded columns move selection and not the outcome",
}
_KEYS = {
    "its": """\
time: month                   # a number or a date; a row is a period
intervention: 2026-01-01      # the first period after it
# seasonality: 12             # periods in a season
# gaps: leave_out             # missing periods: refuse (default), leave_out, or zero for counts
""",
    "did": """\
unit: state                   # leave out where every period has other units
time: year
treated_from: first_year      # first treated period, empty = never; or `treated` and `post`
# cluster: region             # when the treatment was given to groups of units
# comparison: not_yet_treated
""",
    "matched_did": """\
unit: person
time: year
treated_from: first_year
match_on: [age, income]
# exact: [sex]
""",
    "synthetic_control": """\
unit: state
time: year
treated_from: first_year      # one treated unit
# donors: [state_a, state_b]  # all untreated units when left out
""",
    "rdd": """\
score: points
cutoff: 50
# treated_side: below
# received: enrolled          # when the cutoff moves only the chance of treatment (fuzzy)
""",
    "iv": """\
treatment: years_of_school
instruments: [college_nearby]
# cluster: region
""",
    "heckman": """\
selected: works
exclusion: [small_children]   # move selection and not the outcome
covariates: [age, schooling]
""",
}


def template(design: str) -> str:
    """The file for one design; every line of it is valid once its comment sign is gone."""
    if design not in words.DATASET_DESIGNS:
        more = _MORE.get(design, "") + (_DECISION if design != "aa_test" else "")
        return _RANDOMISED.format(design=design, own=_OWN.get(design, ""), more=more)
    has_covariates = "covariates" in words.SHARED_KEYS[design] and design != "heckman"
    return _DATASET.format(
        design=design,
        assumption=_ASSUMPTION[design],
        own=_KEYS[design],
        covariates="# covariates: [age, income]\n" if has_covariates else "",
        robustness=", ".join(words.DATASET_ROBUSTNESS[design]),
    )
