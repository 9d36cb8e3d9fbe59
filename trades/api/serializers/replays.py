"""Requests for replays, and answers about them."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from rest_framework import serializers

from goals.api.serializers.portfolios import PORTFOLIO_KINDS
from goals.decisions.policies import PolicyName
from goals.enums import GoalType
from goals.models.portfolios import LARGEST_COUNT
from goals.projection.presets import PRESETS
from goals.services.goals import EARLIEST_DATE, LATEST_DATE
from goals.services.portfolio_settings import require_time_zone
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.jsonable import to_plain
from mastertrade.values.money import MONEY, PERCENT
from mastertrade.web.api_fields import (
    ChoiceField,
    DecimalColumnField,
    StrictSerializer,
    TrueOrFalseField,
    WholeNumberField,
)
from trades.models import ReplayRun
from trades.replay.bars import BarsError
from trades.replay.reading import BUILT_IN_NAMES, MINIMUM_BARS
from trades.services.replay_asked import count_built_in, question_of

GOAL_TYPES = choices(kind for kind in GoalType if kind.calendar)
DATES = ("start_date", "end_date")


class ReplayListSerializer(serializers.ModelSerializer[ReplayRun]):
    """A finished replay: two portfolios over the same prices."""

    replay_id = serializers.IntegerField(source="run_id", read_only=True)
    kind = serializers.ChoiceField(
        PORTFOLIO_KINDS, source="policy_portfolio.kind", read_only=True
    )
    policy_portfolio_id = serializers.IntegerField(read_only=True)
    constant_portfolio_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = ReplayRun
        fields: tuple[str, ...] = (
            "replay_id",
            "kind",
            "symbol",
            "policy_portfolio_id",
            "constant_portfolio_id",
            "created_at",
        )
        read_only_fields = fields


class ReplaySerializer(ReplayListSerializer):
    """The same with its report: every figure of both runs, period by period."""

    report: Any = serializers.DictField(read_only=True)

    class Meta(ReplayListSerializer.Meta):
        fields = (*ReplayListSerializer.Meta.fields, "report")
        read_only_fields = fields


def _share() -> DecimalColumnField:
    return DecimalColumnField(PERCENT, above=0, max_value=100, required=False)


class _ReplayFields(StrictSerializer):
    judged_with = {"soft_drawdown_pct": ("hard_drawdown_pct",)}

    goal_type = ChoiceField(choices=GOAL_TYPES, required=False)
    target_value = DecimalColumnField(MONEY, above=0, required=False)
    policy = ChoiceField(choices=choices(PolicyName), required=False)
    preset = ChoiceField(choices=choices(PRESETS), required=False, allow_null=True)
    phase = WholeNumberField(min_value=1, required=False, allow_null=True)
    opening_balance = DecimalColumnField(MONEY, above=0, required=False)
    start_date = serializers.DateField(required=False)
    end_date = serializers.DateField(required=False)
    base_size_pct = DecimalColumnField(PERCENT, required=False)
    soft_drawdown_pct = _share()
    hard_drawdown_pct = _share()
    daily_loss_limit_pct = _share()
    max_trades_per_day = WholeNumberField(
        min_value=1, max_value=LARGEST_COUNT, required=False
    )
    resume_after_days = WholeNumberField(required=False)
    fee_bps = DecimalColumnField(PERCENT, required=False)
    slippage_bps = DecimalColumnField(PERCENT, required=False)
    raw_prices = TrueOrFalseField(required=False)
    allow_gaps = TrueOrFalseField(required=False)
    skip_null_rows = TrueOrFalseField(required=False)
    tolerate_closes = TrueOrFalseField(required=False)
    decimal_comma = TrueOrFalseField(required=False)
    time_zone = serializers.CharField(max_length=50, required=False)

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        given = {name: one for name, one in fields.items() if one is not None}
        yield from self._wrong_goal(given)
        yield from _wrong_dates(given)
        if "time_zone" in given:
            try:
                require_time_zone(given["time_zone"])
            except InvalidInput as wrong:
                yield InvalidInput("time_zone", wrong.detail)
        try:
            question_of(to_plain(given))
        except InvalidInput as wrong:
            yield from (wrong, *wrong.also)
        except KeyError:  # of the goal, which is missing
            pass

    def _wrong_goal(self, given: Mapping[str, Any]) -> Iterator[InvalidInput]:
        """Either a type and a target, or a preset and perhaps its phase."""
        for name in ("goal_type", "target_value"):
            if "preset" in given and name in given:
                yield InvalidInput(name, "does not go with preset, which has its own.")
            elif not {"preset", name} & {*given, *self.unreadable}:
                yield InvalidInput(name, "is needed, or a preset.")
        if "phase" in given and not {"preset"} & {*given, *self.unreadable}:
            yield InvalidInput("phase", "is of a preset; name it too.")


def _wrong_dates(given: Mapping[str, Any]) -> Iterator[InvalidInput]:
    for name in DATES:
        if name in given and not EARLIEST_DATE <= given[name] <= LATEST_DATE:
            yield InvalidInput(name, f"must be from {EARLIEST_DATE} to {LATEST_DATE}.")
    first, last = (given.get(name) for name in DATES)
    if first is not None and last is not None and first > last:
        yield InvalidInput("end_date", "must not be before start_date.")


class ReplayRequestSerializer(_ReplayFields):
    """Prices, and a goal of each calendar period or a firm's challenge (`preset`).

    `start_date` and `end_date` cut the prices; `base_size_pct` is the base size in
    percent of equity; the limits are those of a portfolio, in place of their defaults
    and of a challenge's; after `resume_after_days` a halt that lasts is ended (default:
    never). The others are for price files: see `docs/prices.md`.
    """

    prices = ChoiceField(choices=choices(BUILT_IN_NAMES))

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        wrong = list(super().find_wrong(fields))
        yield from wrong
        given = {name: fields[name] for name in DATES if fields.get(name) is not None}
        refused = {*self.unreadable, *(one.field for one in wrong)}
        if given and not refused & {*DATES, "prices"}:
            yield from _too_few_bars(fields["prices"], given)


def _too_few_bars(prices: str, given: Mapping[str, date]) -> Iterator[InvalidInput]:
    first, last = (given.get(name) for name in DATES)
    try:
        count = count_built_in(prices, first, last)
    except BarsError as wrong:
        yield InvalidInput("prices", f"{wrong}.")
        return
    if count < MINIMUM_BARS:
        yield InvalidInput(
            max(given),
            f"leaves {count} bars of {prices}; {MINIMUM_BARS} are needed.",
        )


class ReplayUploadSerializer(_ReplayFields):
    """The same with a file of prices (CSV, gzip too) in place of a name."""

    file = serializers.FileField()
