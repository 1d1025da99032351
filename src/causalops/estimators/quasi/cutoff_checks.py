"""What the data can say against a discontinuity design.

Density of the score (Cattaneo, Jansson & Ma 2020), jumps of covariates, jumps at cutoffs where
nothing happens (Imbens & Lemieux 2008), a donut without the units next to the cutoff (Barreca et
al. 2011), and other bandwidths (Cattaneo, Idrobo & Titiunik 2020 for all of them).
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from causalops.estimators.quasi.cutoff_sample import Sample, Sides
from causalops.estimators.quasi.local_polynomial import DEFAULT, Bandwidths, Jump, Options, jump
from causalops.inference import Inference, difference, unavailable
from causalops.moments import Floats

FACTORS = (0.5, 0.75, 1.25, 2.0)
DONUTS = (0.05, 0.1)  # shares of the bandwidth
MANY_TIES = 0.2  # share of repeated scores of a side, as rdrobust's mass points


@dataclass(frozen=True)
class Density:
    """Test of a jump of the score's density at the cutoff; pairs are (below, above).

    `test.estimate` is the density above minus below, per unit of the score.
    """

    test: Inference
    n: Sides
    levels: tuple[float, float] | None = None
    h: tuple[float, float] | None = None
    n_h: Sides = (0, 0)
    message: str | None = None


@dataclass(frozen=True)
class Support:
    """The score's values: units and distinct values (below, above), and units at the cutoff."""

    n: Sides
    n_distinct: Sides
    n_at_cutoff: int

    @property
    def ties(self) -> float:
        """Largest share of repeated scores of a side, 0 to 1."""
        pairs = zip(self.n, self.n_distinct, strict=True)
        return max((1 - distinct / n for n, distinct in pairs if n), default=0.0)


@dataclass(frozen=True)
class Placebo:
    """A jump at a value of the score where treatment does not change, on one side only."""

    cutoff: float  # in units of the score, less the true cutoff
    side: str  # below or above the true cutoff
    jump: Jump


def support(x: Floats) -> Support:
    """Of scores less the cutoff (n)."""
    below, above = x[x < 0], x[x >= 0]
    distinct = len(np.unique(below)), len(np.unique(above))
    return Support((len(below), len(above)), distinct, int((x == 0).sum()))


def density(x: Floats, alpha: float = 0.05) -> Density:
    """Density test on all finite scores less the cutoff (n), with jackknife error.

    Reasons: `no_units`, `no_units_one_side`, `few_score_values`, `missing_dependency`,
    `local_fit_failed`.
    """
    x = np.sort(x[np.isfinite(x)])
    seen = support(x)
    if min(seen.n) == 0:
        code = "no_units" if max(seen.n) == 0 else "no_units_one_side"
        return Density(unavailable(code), seen.n)
    if min(seen.n_distinct) < 10:
        return Density(unavailable("few_score_values"), seen.n)
    try:
        from rddensity import rddensity
    except ImportError:
        return Density(unavailable("missing_dependency"), seen.n)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = rddensity(x, c=0.0, bino_flag=False)
    except Exception as error:  # it raises plain exceptions about the data it gets
        return Density(unavailable("local_fit_failed"), seen.n, message=str(error))
    levels = float(found.hat["left"]), float(found.hat["right"])
    gap, spread = float(found.hat["diff"]), float(found.sd_jk["diff"])
    if not all(map(math.isfinite, (*levels, gap, spread))):
        return Density(unavailable("local_fit_failed"), seen.n)
    return Density(
        test=difference(gap, spread**2, None, alpha, max(map(abs, levels))),
        n=seen.n,
        levels=levels,
        h=(float(found.h["left"]), float(found.h["right"])),
        n_h=(int(found.n["eff_left"]), int(found.n["eff_right"])),
    )


def placebo_cutoffs(
    rows: Sample,
    alpha: float = 0.05,
    quantiles: Sequence[float] = (0.5,),
    options: Options = DEFAULT,
) -> list[Placebo]:
    """Jumps at these quantiles of the score on each side, from the units of that side only."""
    found = []
    for side, chosen in (("below", rows.x < 0), ("above", rows.x >= 0)):
        part = rows.only(chosen)
        if not len(part.x):
            continue
        for cutoff in np.quantile(part.x, quantiles, method="inverted_cdf").tolist():
            moved = replace(part, x=part.x - cutoff, treated_above=True)
            found.append(Placebo(cutoff, side, jump(moved, alpha, None, options)))
    return found


def donuts(
    rows: Sample,
    bandwidths: Bandwidths,
    alpha: float = 0.05,
    shares: Sequence[float] = DONUTS,
    options: Options = DEFAULT,
) -> dict[float, Jump]:
    """By half-width of the hole: 0 leaves out the units at the cutoff, if there are any.

    The bandwidths stay those of all units, so that only the hole differs.
    """
    radii = [min(bandwidths.h) * share for share in shares]
    if (rows.x == 0).any():
        radii.insert(0, 0.0)
    holes = {radius: rows.only(np.abs(rows.x) > radius) for radius in radii}
    return {radius: jump(part, alpha, bandwidths, options) for radius, part in holes.items()}


def sensitivity(
    rows: Sample,
    bandwidths: Bandwidths,
    alpha: float = 0.05,
    factors: Sequence[float] = FACTORS,
    options: Options = DEFAULT,
) -> dict[float, Jump]:
    """By factor on both bandwidths."""
    return {f: jump(rows, alpha, bandwidths.scaled(f), options) for f in factors}
