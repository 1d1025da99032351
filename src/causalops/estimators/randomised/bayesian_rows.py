"""The Bayesian reading of each absolute headline, where the file asks for one.

Proportions are read from the counts of the two arms (beta prior), other means from the estimate
and its standard error (normal). These rows are never headlines and carry no p-value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from causalops.bayesian import FLAT, Posterior, beta_binomial, normal
from causalops.estimators.randomised.inputs import Experiment, Metric
from causalops.estimators.randomised.looking import derived, headlines, readable
from causalops.inference import Inference, unavailable
from causalops.results import Row, as_json

_PROPORTIONS = ("proportion", "retention")
_MEANS = ("count", "count_distinct", "sum", "mean")


def belief_rows(experiment: Experiment, rows: Sequence[Row]) -> list[Row]:
    """One row per absolute headline of `rows`, the fixed-horizon ones; none unless asked for."""
    if experiment.bayesian is None:
        return []
    metrics = experiment.main_by_name
    return [
        _row(readable(head, rows), metrics[head["metric"]], experiment.bayesian)
        for head in headlines(rows)
    ]


def _row(base: Row, metric: Metric, prior: Any) -> Row:
    found, method, said = _posterior(base, metric, prior)
    values = {"ci_kind": "credible", "se_kind": "none", "method": method}
    if found is None:
        is_served = metric.type in (*_PROPORTIONS, *_MEANS)
        reason = (base["reason_code"] if is_served else None) or "no_posterior"
        return derived(base, unavailable(reason), **values)
    result = Inference(estimate=found.mean, ci_low=found.low, ci_high=found.high,
                       ci_shape="interval")  # fmt: skip
    losses = {"variant": found.loss_variant, "baseline": found.loss_baseline}
    is_less = metric.desired == "decrease"
    if is_less:
        losses = {"variant": found.loss_baseline, "baseline": found.loss_variant}
    details = said | {
        "better": "lower" if is_less else "higher",
        "posterior_sd": found.sd,
        "expected_loss_of_baseline": losses["baseline"],
    }
    return derived(
        base, result, **values, prob_better=1 - found.chance if is_less else found.chance,
        expected_loss=losses["variant"], details=as_json(details),
    )  # fmt: skip


def _posterior(
    base: Row, metric: Metric, prior: Any
) -> tuple[Posterior | None, str, dict[str, Any]]:
    """The posterior, its method and its prior; none where nothing valid can be said.

    Clusters make the counts of a proportion overdispersed: there the clustered error is used.
    """
    alpha = metric.alpha
    means, sizes = ([base[f"{name}_{arm}"] for arm in ("variant", "baseline")]
                    for name in ("mean", "n"))  # fmt: skip
    if metric.type in _PROPORTIONS and base["n_clusters_variant"] is None:
        if None in means or not all(sizes):
            return None, "beta_binomial", {}
        pair = tuple(prior.get("beta_prior") or FLAT)
        successes = [round(mean * n) for mean, n in zip(means, sizes, strict=True)]
        found = beta_binomial((successes[0], successes[1]), (sizes[0], sizes[1]), pair, alpha)
        return found, "beta_binomial", {"beta_prior": pair}
    if metric.type not in (*_PROPORTIONS, *_MEANS) or not base["std_error"]:
        return None, "normal", {}
    scale = prior.get("effect_sd")
    return normal(base["estimate"], base["std_error"], alpha, scale), "normal", {"effect_sd": scale}
