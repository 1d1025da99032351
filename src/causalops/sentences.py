"""One plain sentence per headline: what was found, in words that need no statistics."""

from __future__ import annotations

from causalops.scorecard import Row, interval


def sentence(row: Row) -> str:
    """What a scorecard row says. A row without a verdict says why, and nothing about the effect."""
    verdict, metric, variant = row["verdict"], row["metric"], row["variant"]
    if row["status"] == "blocked":
        return f"{metric}: nothing can be said while the experiment is blocked."
    if verdict is None or verdict == "not_evaluated":
        return f"{metric}: {row['message'] or 'no result.'}"
    lift = interval(row["lift"], row["lift_low"], row["lift_high"], percent=True)
    effect = interval(row["effect"], row["effect_low"], row["effect_high"])
    size = effect if row["lift"] is None else lift
    if verdict == "too_early":
        return f"{metric}: too early to judge {variant}; so far {size}, which may still change."
    if row["baseline"] == "none":
        return _of_a_cause(metric, variant, verdict, size)
    if verdict == "no_difference_found":
        return (
            f"{metric}: no clear difference between {variant} and {row['baseline']}: {size}. "
            "That is not proof of no effect: anything in the brackets remains possible."
        )
    if verdict == "not_worse":
        return f"{metric}: {variant} is not worse than the margin allows: {size}."
    word = {"better": "better", "worse": "worse"}.get(verdict, "different")
    than = "from" if word == "different" else "than"
    return f"{metric}: {variant} is {word} {than} {row['baseline']}: {size}."


def _of_a_cause(metric: str, variant: str, verdict: str, size: str) -> str:
    """The effect of a treatment that has no second arm, such as a year of schooling."""
    if verdict == "no_difference_found":
        return (
            f"{metric}: no clear effect of {variant}: {size}. "
            "That is not proof of no effect: anything in the brackets remains possible."
        )
    way = {"better": " for the better", "worse": " for the worse"}.get(verdict, "")
    return f"{metric}: {variant} moves it{way}: {size}."
