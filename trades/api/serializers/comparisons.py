"""Requests for comparisons of the policies."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from goals.decisions.policies import (
    DEFAULT_MAX_FACTOR,
    DEFAULT_MIN_FACTOR,
    HIGHEST_FACTOR,
    LOWEST_FACTOR,
)
from goals.enums import AfterAchieved, EdgeGuard
from goals.projection.comparison import MOST_PATHS, MOST_RECORD, GuardKind
from goals.projection.comparison_cases import find_case
from goals.projection.deadline import MOST_TRADES_LEFT
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import FACTOR, PERCENT
from mastertrade.web.api_fields import (
    ChoiceField,
    DecimalColumnField,
    PortfolioReferenceField,
    StrictSerializer,
    WholeNumberField,
)
from trades.booking.references import find_unknown

# About a minute of one core.
MOST_ASKED_STEPS = 10_000_000
DEFAULT_TRADES, DEFAULT_PATHS = 40, 100_000
OF_CASES, OF_RECORDS = ("risk_pct", "record"), ("portfolio", "strategy_id")


class ComparisonRequestSerializer(StrictSerializer):
    """A goal of `goal_pct` within `trades`, tried with every policy on the same luck.

    On a `case` (its name, or such as "2R/-1R, edge 0.08"; `risk_pct` of equity is 1 R,
    `record` trades are known at the start) or on the closed trades of a portfolio or of
    one of its strategies. `stop_pct` 0: no stop. `guard` fixed: decided once, before
    the first trade.
    """

    case = serializers.CharField(max_length=100, required=False, allow_null=True)
    risk_pct = DecimalColumnField(PERCENT, above=0, max_value=100, required=False)
    record = WholeNumberField(min_value=0, max_value=MOST_RECORD, required=False)
    portfolio = PortfolioReferenceField()
    strategy_id = serializers.CharField(max_length=100, required=False, allow_null=True)
    trades = WholeNumberField(min_value=1, max_value=MOST_TRADES_LEFT, required=False)
    goal_pct = DecimalColumnField(PERCENT, above=0, max_value=1000, required=False)
    stop_pct = DecimalColumnField(PERCENT, min_value=0, max_value=99, required=False)
    min_factor = DecimalColumnField(
        FACTOR, min_value=LOWEST_FACTOR, max_value=HIGHEST_FACTOR, required=False
    )
    max_factor = DecimalColumnField(
        FACTOR, min_value=LOWEST_FACTOR, max_value=HIGHEST_FACTOR, required=False
    )
    after_achieved = ChoiceField(choices=choices(AfterAchieved), required=False)
    guard = ChoiceField(choices=choices(GuardKind), required=False)
    edge_guard = ChoiceField(choices=choices(EdgeGuard), required=False)
    paths = WholeNumberField(min_value=1, max_value=MOST_PATHS, required=False)
    seed = WholeNumberField(min_value=0, max_value=2**31 - 1, required=False)

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        if fields.get("case") is not None:
            yield from _misfits(fields, OF_RECORDS, "is of a record; there is a case.")
            try:
                find_case(fields["case"])
            except InvalidInput as wrong:
                yield wrong
        else:
            yield from _misfits(fields, OF_CASES, "is of a case; none is named.")
        lowest = fields.get("min_factor", DEFAULT_MIN_FACTOR)
        if lowest > fields.get("max_factor", DEFAULT_MAX_FACTOR):
            yield InvalidInput("min_factor", "must not be above max_factor.")
        paths = fields.get("paths", DEFAULT_PATHS)
        most = MOST_ASKED_STEPS // fields.get("trades", DEFAULT_TRADES)
        if paths > most:
            yield InvalidInput(
                "paths", f"must be {most:,} or fewer with so many trades."
            )

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        return find_unknown(self.context["user"], fields)


def _misfits(
    fields: Mapping[str, Any], names: tuple[str, ...], words: str
) -> Iterator[InvalidInput]:
    for name in names:
        if fields.get(name) is not None:
            yield InvalidInput(name, words)
