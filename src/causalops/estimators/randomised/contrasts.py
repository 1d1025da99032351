"""One arm against the baseline: means, ratios, covariate adjustment, strata, in one formula.

Let L be an arm's level (mean, or ratio of means), X its covariate levels, theta a slope. Then
  effect = dL - theta' dX,   variance = sum over arms of [1, -theta] S [1, -theta]' / n,
with S the arm's covariance (ddof 1 unless said) of the outcome and the covariates, ratios
linearised as (y - R z) / mean z (Deng, Knoblich & Lu 2018).
- cuped: theta from the total sample of the two arms (Deng et al. 2013).
- lin: theta = w_b theta_v + w_v theta_b with a slope per arm and w the arms' shares, which is
  Lin's (2013) interacted estimator; the variance above is then its superpopulation variance,
  residual variances plus the variance of the pooled covariate mean.
- strata: levels are sums over strata of the pooled share times the arm's mean, with a slope common
  to all strata and the between-strata term of the superpopulation (Miratrix, Sekhon & Yu 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from causalops.estimators.randomised import one_covariate
from causalops.estimators.randomised.covariates import Covariate, screen, slopes
from causalops.inference import Levels, satterthwaite
from causalops.moments import Block, Floats, Moments, centres_of, merge_all, united

Strata = Sequence[tuple[Block, Block]]  # (variant, baseline) of each stratum


@dataclass  # like `Inference` not frozen, because several are made per metric
class Arm:
    """Unadjusted statistics of one arm: sd is that of the linearised values for a ratio."""

    n: int = 0
    mean: float | None = None
    sd: float | None = None


@dataclass
class Contrast:
    """Effect with what inference needs; `reason` set and no variance when none is valid.

    Without strata `loadings` holds, for the units of the variant and of the baseline, the weight of
    each part in the variant's and in the baseline's level, and `centres` what a missing part counts
    as: enough to give the levels another variance. `se_kind` and `n_clusters` are set by whoever
    does so.
    """

    variant: Arm
    baseline: Arm
    effect: float | None = None
    variance: float | None = None
    df: float | None = None
    levels: Levels | None = None
    reason: str | None = None
    theta: dict[str, float] = field(default_factory=dict)
    rho: float | None = None
    dropped: dict[str, str] = field(default_factory=dict)
    dropped_share: float = 0.0
    note: str | None = None
    loadings: tuple[Mapping[str, tuple[float, float]], ...] = ()
    centres: Mapping[str, float] = field(default_factory=dict)
    se_kind: str | None = None
    n_clusters: tuple[int, int] | None = None

    @property
    def scale(self) -> float:
        """Size of the compared levels: errors are told from rounding against it."""
        return max(abs(self.variant.mean or 0.0), abs(self.baseline.mean or 0.0))


@dataclass(frozen=True)
class _Linear:
    """Means over strata of one arm, and the map from measures to linearised columns."""

    levels: Floats
    rows: Floats


def contrast(
    strata: Strata, *, ratio: bool = False, method: str = "unadjusted", names: Sequence[str] = (),
    ddof: int = 1,
) -> Contrast:  # fmt: skip
    """Compare two arms; `method` is unadjusted, cuped or lin; `names` the covariates' names.

    Variances divide by n - `ddof`: 1 is Welch's, 0 the HC0 of the same regression.

    Total: always returns, with `reason` (no_units, empty_arm, too_few_units, undefined_ratio,
    stratum_without_arm) instead of a variance where none is valid.
    """
    whole_v, whole_b = (merge_all(pair[side] for pair in strata) for side in (0, 1))
    arms = (_arm(whole_v, ratio), _arm(whole_b, ratio))
    sizes = arms[0].n, arms[1].n
    if min(sizes) == 0:
        return Contrast(*arms, reason="no_units" if max(sizes) == 0 else "empty_arm")
    if arms[0].mean is None or arms[1].mean is None:
        return Contrast(*arms, reason="undefined_ratio")
    effect = arms[0].mean - arms[1].mean
    if min(sizes) < 2:
        return Contrast(*arms, effect, reason="too_few_units")
    if len(strata) == 1 and not ratio:
        if method == "unadjusted":
            return _means(arms, effect, whole_v, whole_b, ddof)
        if whole_v.names == whole_b.names == one_covariate.NAMES:
            found = one_covariate.adjusted(whole_v, whole_b, method == "lin", ddof)
            if found is not None:
                return _adjusted(arms, found, names[0] if names else "x1")
    result = Contrast(*arms, effect)
    names_all = united((whole_v, whole_b))
    whole = whole_v.expand(names_all), whole_b.expand(names_all)
    usable = [
        (v.expand(names_all), b.expand(names_all)) for v, b in strata if min(v.size, b.size) >= 2
    ]
    if not usable:
        return replace(result, reason="stratum_without_arm")
    dropped_share = 1 - sum(v.size + b.size for v, b in usable) / sum(sizes)
    if dropped_share > 0:
        result = replace(result, dropped_share=dropped_share, note="stratum_without_arm")
    with np.errstate(all="ignore"):
        return _estimate(result, usable, whole, ratio, method, names, ddof)


_OF_MEANS: tuple[Mapping[str, tuple[float, float]], ...] = ({"y": (1.0, 0.0)}, {"y": (0.0, 1.0)})


def _means(
    arms: tuple[Arm, Arm], effect: float, variant: Block, baseline: Block, ddof: int
) -> Contrast:
    """Two plain means: what `_combine` amounts to without strata, covariates and denominators."""
    parts = [(float(block.c[0, 0]) / (arm.n - ddof) / arm.n, arm.n - 1.0)
             for arm, block in zip(arms, (variant, baseline), strict=True)]  # fmt: skip
    means = float(variant.mean[0, 0]), float(baseline.mean[0, 0])
    return Contrast(
        *arms, effect=effect, variance=parts[0][0] + parts[1][0], df=satterthwaite(parts),
        levels=Levels(*means, max(parts[0][0], 0.0), max(parts[1][0], 0.0)),
        loadings=_OF_MEANS,
    )  # fmt: skip


def _adjusted(arms: tuple[Arm, Arm], found: one_covariate.Adjusted, name: str) -> Contrast:
    """The contrast of one covariate, called `name` by readers."""
    return Contrast(
        *arms, effect=found.effect, variance=found.variance, df=found.df, levels=found.levels,
        theta={name: found.theta}, rho=found.rho, loadings=found.loadings, centres=found.centres,
    )  # fmt: skip


def _estimate(
    result: Contrast, strata: Strata, whole: tuple[Block, Block], ratio: bool, method: str,
    names: Sequence[str], ddof: int,
) -> Contrast:  # fmt: skip
    centres = centres_of(*whole)
    full = [(v.complete(centres), b.complete(centres)) for v, b in strata]
    total = [v.merge(b) for v, b in full]
    share = np.array([moments.n for moments in total])
    share /= share.sum()
    base = ("y", "z") if ratio else ("y",)
    kept: list[Covariate] = []
    if method != "unadjusted":
        groups = [total] if method == "cuped" else [total, *map(list, zip(*full, strict=True))]
        kept, dropped = screen(whole, [_covariance(group, share, ratio) for group in groups],
                               centres, names)  # fmt: skip
        result = replace(result, dropped=dropped)
        if not kept or dropped:
            note = "covariate_dropped" if kept else "no_adjustment"
            result = replace(result, note=result.note or note)
    parts = base + tuple(part for covariate in kept for part in covariate.parts)
    full = [(v.select(parts), b.select(parts)) for v, b in full]
    total = [moments.select(parts) for moments in total]
    arms = tuple(_linear([pair[side] for pair in full], share) for side in (0, 1))
    pooled = _linear(total, share)
    if not all(np.isfinite(arm.levels).all() for arm in arms):
        return replace(result, reason="undefined_ratio")
    cross = [_sum_cross([pair[side] for pair in full], arms[side]) for side in (0, 1)]
    theta_v, theta_b, rho = slopes(_sum_cross(total, pooled), cross[0], cross[1], method == "lin")
    return replace(
        _combine(result, full, share, arms, pooled, (theta_v, theta_b), ddof),
        theta={c.name: float(t) for c, t in zip(kept, theta_v, strict=True)},
        rho=rho,
        centres=centres,
    )


def _combine(
    result: Contrast, full: Sequence[tuple[Moments, Moments]], share: Floats,
    arms: tuple[_Linear, ...], pooled: _Linear, theta: tuple[Floats, Floats], ddof: int,
) -> Contrast:  # fmt: skip
    """Levels, covariance of the levels, variance of the effect and its degrees of freedom."""
    adjusted = [
        arms[side].levels[0] - theta[side] @ (arms[side].levels[1:] - pooled.levels[1:])
        for side in (0, 1)
    ]
    cov = np.zeros((2, 2))
    pieces: list[tuple[float, float]] = []
    inner = np.zeros((len(full), 2))
    loadings: list[dict[str, tuple[float, float]]] = []
    for index, (pair, weight) in enumerate(zip(full, share, strict=True)):
        part = pair[0].n / (pair[0].n + pair[1].n), pair[1].n / (pair[0].n + pair[1].n)
        means = [arms[side].rows @ pair[side].mean for side in (0, 1)]
        centre = part[0] * means[0][1:] + part[1] * means[1][1:]
        for side in (0, 1):
            moments, other = pair[side], 1 - side
            scatter = arms[side].rows @ moments.c @ arms[side].rows.T / (moments.n - ddof)
            gradient = np.zeros((2, len(scatter)))
            gradient[side, 0], gradient[side, 1:] = 1.0, -theta[side] * part[other]
            gradient[other, 1:] = theta[other] * part[side]
            gradient *= weight
            loads = (gradient @ arms[side].rows).T.tolist()
            loadings.append({p: (v, b) for p, (v, b) in zip(moments.names, loads, strict=True)})
            cov += gradient @ scatter @ gradient.T / moments.n
            toward = gradient[side] - gradient[other]
            pieces.append((float(toward @ scatter @ toward) / moments.n, moments.n - 1))
            inner[index, side] = means[side][0] - theta[side] @ (means[side][1:] - centre)
    if len(full) > 1:
        units = float(sum(v.n + b.n for v, b in full))
        spread = inner - share @ inner
        cov += (spread.T * share) @ spread / units
        gap = spread[:, 0] - spread[:, 1]
        pieces.append((float(share @ (gap * gap)) / units, units - 1))
    ratio = "z" in full[0][0].names
    return replace(
        result,
        effect=float(adjusted[0] - adjusted[1]),
        variance=sum(variance for variance, _ in pieces),
        df=None if ratio else satterthwaite(pieces),
        levels=Levels(
            float(adjusted[0]), float(adjusted[1]), max(cov[0, 0], 0.0), max(cov[1, 1], 0.0),
            float(cov[0, 1]),
        ),
        loadings=tuple(loadings) if len(full) == 1 else (),
    )  # fmt: skip


def _arm(block: Block, ratio: bool) -> Arm:
    n = block.size
    if n == 0:
        return Arm()
    mean, square = float(block.mean[0, 0]), float(block.c[0, 0])
    if ratio:
        moments = block.complete(centres_of(block)).select(("y", "z"))
        with np.errstate(all="ignore"):
            linear = _linear([moments], np.ones(1))
            square = float((linear.rows @ moments.c @ linear.rows.T)[0, 0])
        mean = float(linear.levels[0])
    if not math.isfinite(mean):
        return Arm(n)
    return Arm(n, mean, math.sqrt(max(square, 0.0) / (n - 1)) if n > 1 else None)


def _linear(strata: Sequence[Moments], share: Floats) -> _Linear:
    """Levels and linearisation at the stratum-weighted means; a ratio is (part, denominator)."""
    names = strata[0].names
    mean = share @ np.array([moments.mean for moments in strata])
    if all(name[0] in "yx" for name in names):
        return _Linear(mean, np.eye(len(names)))
    levels, rows = [], []
    for index, name in enumerate(names):
        if name[0] in "zw":
            continue
        row = np.zeros(len(names))
        below = {"y": "z"}.get(name, "w" + name[1:])
        if below in names:
            bottom = names.index(below)
            levels.append(mean[index] / mean[bottom])
            row[index], row[bottom] = 1 / mean[bottom], -levels[-1] / mean[bottom]
        else:
            levels.append(mean[index])
            row[index] = 1.0
        rows.append(row)
    return _Linear(np.array(levels), np.array(rows))


def _sum_cross(strata: Sequence[Moments], linear: _Linear) -> Floats:
    """Cross-products of the linearised columns, summed within strata."""
    return np.asarray(sum(linear.rows @ moments.c @ linear.rows.T for moments in strata))


def _covariance(strata: Sequence[Moments], share: Floats, ratio: bool) -> Floats:
    """Cross-products within strata of the outcome and every covariate of the block."""
    names = strata[0].names
    if not ratio and "z" in names:
        strata = [m.select([name for name in names if name != "z"]) for m in strata]
    return _sum_cross(strata, _linear(strata, share))
