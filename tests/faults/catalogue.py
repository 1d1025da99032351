"""Wrong experiments: for each its text, and what its message must say.

Every message names file, line and key (`place`, behind the file name) and the rest in `words`: the
offending value, the allowed values, the nearest match.
"""

from __future__ import annotations

from dataclasses import dataclass

GOOD = """\
design: ab_test
assignment: {key: shared}
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-09
metrics:
  primary: [revenue]
segments: [platform]
"""


@dataclass(frozen=True)
class Broken:
    """`block` is GOOD with `old` replaced by `new`."""

    name: str
    old: str
    new: str
    place: str
    words: tuple[str, ...]

    @property
    def block(self) -> str:
        assert self.old in GOOD
        return GOOD.replace(self.old, self.new, 1)


BROKEN = (
    Broken("misspelt_key", "metrics:", "metrcs:", ":8: metrcs:", ("'metrcs'", "'metrics'", "unit")),
    Broken("unknown_key", "unit:", "colour: red\nunit:", ":4: colour:", ("'colour'", "allowed:")),
    Broken("key_of_another_design", "unit:", "cutoff: 3\nunit:", ":4: cutoff:", ("rdd",)),
    Broken("key_for_later", "unit:", "anchor: x\nunit:", ":4: anchor:", ("not available yet",)),
    Broken(
        "unknown_metric",
        "[revenue]",
        "[revenu]",
        ":9: metrics.primary[0]",
        ("'revenu'", "'revenue'", "visits"),
    ),
    Broken("metric_not_a_list", "[revenue]", "revenue", ":9: metrics.primary", ("list",)),
    Broken(
        "metric_twice",
        "[revenue]",
        "[revenue, revenue]",
        ":9: metrics.primary[1]",
        ("'revenue'", "`as`"),
    ),
    Broken("no_metric", "[revenue]", "[]", ":8: metrics", ("at least one",)),
    Broken(
        "unknown_segment", "[platform]", "[platfrm]", ":10: segments", ("'platfrm'", "'platform'")
    ),
    Broken(
        "unknown_design", "ab_test", "ab_tset", ":2: design", ("'ab_tset'", "'ab_test'", "aa_test")
    ),
    Broken("design_for_later", "ab_test", "bandit", ":2: design", ("'bandit'", "not available")),
    Broken("design_missing", "design: ab_test\n", "", ": design", ("required",)),
    Broken("zero_weight", "short: 1", "short: 0", ":5: variants.short", ("'0'", "above 0")),
    Broken("negative_weight", "short: 1", "short: -1", ":5: variants.short", ("'-1'", "above 0")),
    Broken("weight_not_a_number", "short: 1", "short: half", ":5: variants.short", ("'half'",)),
    Broken("one_variant", ", short: 1", "", ":5: variants", ("2 to 50", "not 1")),
    Broken("variants_alike", "short: 1", "Control: 1", ":5: variants", ("twice",)),
    Broken("no_control", "control: 1", "old: 1", ": control", ("required", "old, short")),
    Broken(
        "unknown_control", "unit:", "control: nobody\nunit:", ":4: control", ("'nobody'", "short")
    ),
    Broken(
        "end_before_start", "2025-03-09", "2025-02-09", ":7: end", ("'2025-02-09'", "2025-03-03")
    ),
    Broken(
        "date_not_written_so",
        "2025-03-03",
        "3 March 2025",
        ":6: start",
        ("'3 March 2025'", "YYYY-MM-DD"),
    ),
    Broken(
        "date_not_in_calendar",
        "2025-03-03",
        "2025-02-30",
        ":6: start",
        ("'2025-02-30'", "calendar"),
    ),
    Broken("alpha_too_large", "unit:", "alpha: 5\nunit:", ":4: alpha", ("'5'", "at most 0.5")),
    Broken("alpha_not_a_number", "unit:", "alpha: .nan\nunit:", ":4: alpha", ("'.nan'",)),
    Broken("unknown_unit", "unit: user_id", "unit: usr_id", ":4: unit", ("'usr_id'", "'user_id'")),
    Broken(
        "unknown_assignment_model",
        "{key: shared}",
        "{model: flgs}",
        ":3: assignment.model",
        ("'flgs'", "'flags'"),
    ),
    Broken(
        "assignment_key_for_later",
        "{key: shared}",
        "{salt: x}",
        ":3: assignment.salt",
        ("not available yet",),
    ),
    Broken(
        "unknown_status", "unit:", "status: runing\nunit:", ":4: status", ("'runing'", "'running'")
    ),
    Broken("stopped_without_end", "end: 2025-03-09", "status: stopped", ": end", ("stopped",)),
    Broken("unknown_method", "unit:", "method: magic\nunit:", ":4: method", ("'magic'", "cuped")),
    Broken(
        "unknown_check",
        "unit:",
        "checks: {smr: {on_fail: warn}}\nunit:",
        ":4: checks",
        ("'smr'", "'srm'"),
    ),
    Broken("unknown_protocol", "unit:", "protocol: weekly\nunit:", ":4: protocol", ("'weekly'",)),
    Broken(
        "guardrail_without_desired",
        "primary:",
        "guardrail: [order_value]\n  primary:",
        ":9: metrics.guardrail[0]",
        ("'order_value'", "desired"),
    ),
    Broken(
        "window_zero",
        "[revenue]",
        "[{metric: revenue, window_days: 0}]",
        ":9: metrics.primary[0].window_days",
        ("'0'", "1 to 3650"),
    ),
    Broken(
        "metric_without_its_fact",
        "[revenue]",
        "[refunds]",
        ":9: metrics.primary[0]",
        ("'refunds'", "fact_models"),
    ),
    Broken(
        "metric_without_its_column",
        "[revenue]",
        "[tax]",
        ":9: metrics.primary[0]",
        ("'tax'", "'amont'", "'amount'"),
    ),
    Broken(
        "metric_of_a_missing_type",
        "[revenue]",
        "[speed]",
        ":9: metrics.primary[0]",
        ("'speed'", "below 1, not '1.5'"),
    ),
    Broken("yaml_slip", "[revenue]", "[revenue", ":1", ("YAML",)),
    Broken("key_twice", "unit:", "unit: user_id\nunit:", ": unit", ("'unit'", "twice")),
    Broken("not_a_mapping", GOOD, "just some words\n", ":2", ("no keys",)),
    Broken("empty_block", GOOD, "\n", "", ("no keys",)),
    Broken("alias_bomb", "[revenue]", "&a [revenue, *a]", ": metrics.primary", ("aliases",)),
)
