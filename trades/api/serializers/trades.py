"""Request bodies and answers of trades and positions."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from goals.api.serializers.goals import ConditionSerializer
from mastertrade.db.model_fields import choices
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import FACTOR, MONEY, PRICE
from mastertrade.values.validation import CURRENCY_PATTERN, SYMBOL_PATTERN
from mastertrade.web.api_fields import (
    ChoiceField,
    DecimalColumnField,
    InstantField,
    PortfolioReferenceField,
    StrictSerializer,
    TrueOrFalseField,
    VisibleTextField,
    WholeNumberField,
)
from trades.booking.close import ClosedTrade
from trades.booking.exits import before_entry
from trades.booking.references import (
    find_unknown,
    find_wrong_addition,
    find_wrong_exit,
    find_wrong_rates,
)
from trades.enums import Side, TradeStatus
from trades.models import Trade, TradeNote
from trades.models.notes import BEST_RATING, LONGEST_NOTE, LONGEST_TAG, MOST_TAGS

TRADE_STATUSES = choices(TradeStatus)
# What a trade has from its opening; adding to it and closing it leave that as it is.
OF_THE_TRADE = dict.fromkeys(
    (
        "portfolio",
        "portfolio_id",
        "strategy_id",
        "symbol",
        "side",
        "status",
        "entry_time",
        "stop_price",
        "leverage",
        "quote_currency",
        "fee_currency",
        "fx_rate",
        "adjustment_id",
    ),
    "belongs to the trade and cannot be changed here.",
)


class SymbolField(VisibleTextField):
    default_error_messages = {
        "invalid": "Must be up to 50 characters without spaces, such as BTCUSDT."
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        wrong = self.error_messages["invalid"]
        self.validators.append(RegexValidator(SYMBOL_PATTERN, message=wrong))


class CurrencyField(serializers.RegexField):
    default_error_messages = {
        "invalid": "Must be 2 to 10 capital letters or digits, such as EUR."
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(CURRENCY_PATTERN, **options)


class TradeSerializer(serializers.ModelSerializer[Any]):
    user_id = serializers.CharField(read_only=True)
    portfolio_id = serializers.IntegerField(read_only=True)
    adjustment_id = WholeNumberField(read_only=True, allow_null=True)
    override_halt_id = serializers.IntegerField(read_only=True, allow_null=True)
    parent_trade_id = serializers.IntegerField(read_only=True, allow_null=True)
    source_import_id = serializers.IntegerField(read_only=True, allow_null=True)
    fees = DecimalColumnField(MONEY, read_only=True)

    class Meta:
        model = Trade
        fields = (
            "trade_id",
            "user_id",
            "portfolio_id",
            "strategy_id",
            "symbol",
            "side",
            "quantity",
            "entry_price",
            "exit_price",
            "stop_price",
            "leverage",
            "fees",
            "funding",
            "quote_currency",
            "fee_currency",
            "fx_rate",
            "fee_fx_rate",
            "exit_fee_fx_rate",
            "profit_loss",
            "entry_time",
            "exit_time",
            "status",
            "adjustment_id",
            "override_halt_id",
            "external_id",
            "parent_trade_id",
            "source_import_id",
            "created_at",
            "created_by",
            "updated_at",
            "updated_by",
            "voided_at",
            "void_reason",
        )
        read_only_fields = fields


class TradeNoteSerializer(serializers.ModelSerializer[TradeNote]):
    """What was said of a trade; no figure of the ledger."""

    trade_id = serializers.IntegerField(read_only=True)
    tags = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = TradeNote
        fields = ("trade_id", "note", "tags", "rating")
        read_only_fields = fields


class TradeNoteChangeSerializer(StrictSerializer):
    """What is not sent stays; `rating` null takes it away."""

    answered = ("trade_id",)

    note = serializers.CharField(
        max_length=LONGEST_NOTE, required=False, allow_blank=True
    )
    tags = serializers.ListField(
        child=VisibleTextField(max_length=LONGEST_TAG),
        max_length=MOST_TAGS,
        required=False,
    )
    rating = WholeNumberField(
        min_value=1, max_value=BEST_RATING, required=False, allow_null=True
    )


class GoalMoveSerializer(serializers.Serializer[Any]):
    """What a closed trade did to one goal."""

    goal_id = serializers.IntegerField(source="goal.goal_id")
    goal_type = serializers.CharField(source="goal.goal_type")
    current_value = DecimalColumnField(MONEY, source="after.current_value")
    progress_pct_before = serializers.CharField(source="before.progress_pct")
    progress_pct = serializers.CharField(source="after.progress_pct")
    band = serializers.CharField(source="after.band")
    status = serializers.CharField(source="goal.status")
    target_in_force = DecimalColumnField(MONEY, source="goal.target_in_force")
    conditions = ConditionSerializer(many=True, source="goal.conditions")


class VoidedTradeSerializer(TradeSerializer):
    """The trade, and the goals that moved."""

    goals = GoalMoveSerializer(many=True, read_only=True, source="moves")

    class Meta:
        model = Trade
        fields = (*TradeSerializer.Meta.fields, "goals")
        read_only_fields = fields

    def to_representation(self, instance: Any) -> dict[str, Any]:
        trade, trade.moves = instance
        return super().to_representation(trade)


class ClosedTradeSerializer(VoidedTradeSerializer):
    """The trade, the part of it that was closed, and the goals that moved.

    `profit_loss` is what was booked now: of the part, or of the whole trade. `part` is
    null where all that was open was closed.
    """

    part = TradeSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Trade
        fields = (*VoidedTradeSerializer.Meta.fields, "part")
        read_only_fields = fields

    def to_representation(self, instance: ClosedTrade) -> dict[str, Any]:
        trade: Any = instance.trade
        trade.part = None if instance.booked is trade else instance.booked
        shown = super().to_representation((trade, instance.moves))
        if trade.part is not None:
            shown["profit_loss"] = shown["part"]["profit_loss"]
        return shown


class TradeCreationSerializer(StrictSerializer):
    """Open a trade; with `exit_price` it is recorded closed at once.

    `override` opens it while trading is halted, and is stored with it.
    """

    answered = TradeSerializer.Meta.fields
    judged_with = {
        "adjustment_id": ("portfolio",),
        "exit_time": ("entry_time",),
        "fee_fx_rate": ("portfolio", "quote_currency", "fee_currency", "fx_rate"),
        "fx_rate": ("portfolio", "quote_currency", "fee_currency", "fee_fx_rate"),
    }
    fixed = {
        "portfolio_id": "Unknown field. Did you mean portfolio? It takes the key too.",
    }

    portfolio = PortfolioReferenceField()
    strategy_id = serializers.CharField(max_length=100)
    symbol = SymbolField()
    side = ChoiceField(choices=choices(Side))
    quantity = DecimalColumnField(PRICE, above=0)
    entry_price = DecimalColumnField(PRICE, above=0)
    entry_time = InstantField(required=False, allow_null=True)
    fees = DecimalColumnField(MONEY, min_value=0, required=False)
    stop_price = DecimalColumnField(PRICE, above=0, required=False, allow_null=True)
    adjustment_id = WholeNumberField(
        min_value=1, max_value=2**63 - 1, required=False, allow_null=True
    )
    external_id = VisibleTextField(max_length=200, required=False, allow_null=True)
    quote_currency = CurrencyField(required=False, allow_null=True)
    fee_currency = CurrencyField(required=False, allow_null=True)
    fx_rate = DecimalColumnField(PRICE, above=0, required=False, allow_null=True)
    fee_fx_rate = DecimalColumnField(PRICE, above=0, required=False, allow_null=True)
    leverage = DecimalColumnField(FACTOR, min_value=1, required=False, allow_null=True)
    funding = DecimalColumnField(MONEY, required=False, allow_null=True)
    exit_price = DecimalColumnField(PRICE, above=0, required=False, allow_null=True)
    exit_time = InstantField(required=False, allow_null=True)
    profit_loss = DecimalColumnField(MONEY, required=False, allow_null=True)
    override = TrueOrFalseField(required=False)

    def find_wrong(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        sent: Mapping[str, Any] = self.initial_data
        for name in ("exit_time", "profit_loss"):
            if fields.get(name) is not None and sent.get("exit_price") is None:
                yield InvalidInput(name, "Goes with exit_price, which is missing.")
        entered, left = fields.get("entry_time"), fields.get("exit_time")
        if entered is not None and left is not None and left < entered:
            yield before_entry(entered)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        user = self.context["user"]
        yield from find_unknown(user, fields)
        yield from find_wrong_rates(user, fields)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("exit_price") is not None:
            attrs.pop("override", None)  # what is over has happened
            return attrs
        for name in ("exit_price", "exit_time", "profit_loss"):
            attrs.pop(name, None)
        return attrs


class TradeCloseSerializer(StrictSerializer):
    """`fees` and `funding` of the exit add to those before.

    `quantity` defaults to all that is open; less closes a part, which `external_id`
    names. `fee_fx_rate` is that of the exit's fees, if it is another.
    """

    answered = ClosedTradeSerializer.Meta.fields
    fixed = {**OF_THE_TRADE, "entry_price": OF_THE_TRADE["symbol"]}

    exit_price = DecimalColumnField(PRICE, above=0)
    exit_time = InstantField(required=False, allow_null=True)
    fees = DecimalColumnField(MONEY, min_value=0, required=False)
    quantity = DecimalColumnField(PRICE, above=0, required=False, allow_null=True)
    funding = DecimalColumnField(MONEY, required=False)
    fee_fx_rate = DecimalColumnField(PRICE, above=0, required=False, allow_null=True)
    external_id = VisibleTextField(max_length=200, required=False, allow_null=True)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        trade_id = self.context["trade_id"]
        return find_wrong_exit(self.context["user"], trade_id, fields)


class TradeAdditionSerializer(StrictSerializer):
    """An addition to an open trade; its entry price becomes the average."""

    answered = TradeSerializer.Meta.fields
    fixed = OF_THE_TRADE

    quantity = DecimalColumnField(PRICE, above=0)
    entry_price = DecimalColumnField(PRICE, above=0)
    at = InstantField(required=False, allow_null=True)
    fees = DecimalColumnField(MONEY, min_value=0, required=False)
    external_id = VisibleTextField(max_length=200, required=False, allow_null=True)

    def find_more(self, fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
        trade_id = self.context["trade_id"]
        return find_wrong_addition(self.context["user"], trade_id, fields)
