"""How units came in, day by day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from causalops.estimators.randomised.inputs import Experiment, Record, count, day
from causalops.results import Row, curve_row


def exposure_curve(experiment: Experiment, overall: list[Record]) -> list[Row]:
    """Analysed units so far, by day and variant."""
    days = sorted({d for row in overall if (d := day(row["exposure_day"])) is not None})
    rows: list[Row] = []
    for variant in experiment.weights:
        new: dict[dt.date, int] = defaultdict(int)
        for row in overall:
            when = day(row["exposure_day"])
            if row["variant"] == variant and when is not None:
                new[when] += count(row["n_analysed"])
        total = 0
        for seq, when in enumerate(days):
            total += new[when]
            rows.append(curve_row(experiment_id=experiment.id, curve="exposures", series="units",
                                  variant=variant, population="analysed", seq=seq, x=float(seq),
                                  x_date=when, y=float(total), n=total))  # fmt: skip
    return rows
