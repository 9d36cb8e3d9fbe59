"""Forms whose rules are the services': what a service refuses becomes a form error."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import uuid4

from django import forms
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Model

from goals.decisions.floor_reference import GivenReference
from goals.decisions.limits import SETS_REFERENCE
from goals.enums import DrawdownMode, HaltCause
from goals.models import CashFlow, FinancialGoal, Portfolio, TradingHalt
from goals.models.portfolios import LIMIT_KINDS
from goals.services.goals import create_goal, update_goal
from goals.services.limit_changes import floor_in_money, present_floor
from goals.services.portfolio_settings import find_wrong_settings
from goals.services.portfolios import (
    create_portfolio,
    is_used,
    record_cash_flow,
    update_portfolio,
)
from goals.services.resuming import PRESENT, halt_anew, resume_trading
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.money import MONEY, format_plain
from mastertrade.values.validation import is_plain_number

Row = TypeVar("Row", bound=Model)
# What the floor of a portfolio is measured from, in money.
REFERENCE = ("start_equity", "peak_equity", "floor_equity")
# What pages call the settings of a portfolio.
LABELS = {
    name: name.removesuffix("_pct").replace("_", " ").capitalize()
    + (" in %" if name.endswith("_pct") else "")
    for name in (*LIMIT_KINDS, "max_position_pct", "edge_guard")
} | {
    "start_equity": "Start of the floor",
    "peak_equity": "Peak of the floor",
    "floor_equity": "Floor today",
}
# A time as sentences of the API have it.
ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z")


def in_page_words(text: str, labels: Mapping[str, str] = LABELS) -> str:
    """A sentence with fields by the names of their labels, times as pages have them."""
    for name, label in labels.items():
        if "_" in name:
            text = re.sub(rf"\b{name}\b", f"“{label}”", text)
    return ISO_TIME.sub(r"\1 \2 UTC", text)


def floor_field(name: str, help_text: str, label: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        required=False,
        label=label or LABELS[name],
        max_digits=MONEY[0],
        decimal_places=MONEY[1],
        help_text=help_text,
    )


if TYPE_CHECKING:
    GenericForm = forms.ModelForm
else:

    class GenericForm(forms.ModelForm):
        """`ModelForm[Model]` at run time too, as the type checker knows it."""

        def __class_getitem__(cls, model):
            return cls


def _read_number(field: forms.IntegerField, value: Any) -> Any:
    """In plain digits, as the API reads it."""
    if isinstance(value, str) and value.strip() and not is_plain_number(value):
        raise forms.ValidationError(field.error_messages["invalid"], code="invalid")
    return type(field).to_python(field, value)


def compare_with_page(form: forms.BaseForm) -> None:
    """Have `changed_data` say what differs from what the page showed.

    The row may have changed since. The page sends its own values along; a field without
    one is compared with the row.
    """
    for name, field in form.fields.items():
        sent = form.add_initial_prefix(name) in form.data
        field.show_hidden_initial = sent or not form.is_bound


class ServiceForm(GenericForm[Row]):
    """A form that a service checks and saves, inside the caller's transaction if any.

    Validating it is calling the service: what the service refuses leaves nothing
    behind and shows at the field it names.
    """

    # The request's clock, and who fills it in; set on the class made for the request.
    now: ClassVar[datetime]
    by: ClassVar[str]
    # A service's name for a field, where the form has another.
    field_names: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.IntegerField):  # decimals are such fields too
                setattr(field, "to_python", partial(_read_number, field))  # noqa: B010
        for name, value in self.initial.items():
            if isinstance(value, Decimal):
                self.initial[name] = Decimal(format_plain(value))
        if not self.is_new:
            compare_with_page(self)

    def call_service(self) -> Row:
        """Create or change the object from `cleaned_data`."""
        raise NotImplementedError

    def find_wrong(self) -> Iterable[InvalidInput]:
        """All that is wrong with `cleaned_data` together, besides its single fields."""
        return ()

    @property
    def is_new(self) -> bool:
        return self.instance.pk is None

    @property
    def changes(self) -> dict[str, Any]:
        """What the person changed on the page; the rest may have changed since."""
        return {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in self.cleaned_data
        }

    def _post_clean(self) -> None:
        """In place of the model's checks: the service makes them, and the database."""
        for wrong in list(self.find_wrong()):
            self._add_wrong(wrong)
        if self.errors:
            return
        try:
            with _undoing():
                self.instance = self.call_service()
        except InvalidInput as error:
            for wrong in (error, *error.also):
                self._add_wrong(wrong)
        except DomainError as error:
            self.add_error(None, self._in_words(error.on_page))
        except (IntegrityError, DataError) as error:
            self.add_error(None, f"The database refuses this: {_rule_of(error)}.")

    def _add_wrong(self, wrong: InvalidInput) -> None:
        field = self.field_names.get(wrong.field, wrong.field)
        if field in self.fields:
            self.add_error(field, self._in_words(wrong.detail))
        else:
            label = LABELS.get(wrong.field, wrong.field)
            self.add_error(None, self._in_words(f"{label}: {wrong.detail}"))

    def notes(self) -> Iterable[str]:
        """What else followed from saving it, as sentences."""
        return ()

    def _in_words(self, detail: str) -> str:
        columns = self._meta.model._meta.concrete_fields
        labels = {one.name: str(one.verbose_name).capitalize() for one in columns}
        shown = {name: str(field.label) for name, field in self.fields.items()}
        return in_page_words(detail, {**LABELS, **labels, **shown})


def _undoing() -> AbstractContextManager[None]:
    """What a refusal undoes: of a transaction around it the part of this form.

    Without one the service's own transaction does, and what a service saves although it
    refuses stays.
    """
    if connection.in_atomic_block:
        return transaction.atomic()
    return nullcontext()


def _rule_of(error: Exception) -> str:
    """The constraint that a statement broke, or the server's own words."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None)
    return str(name or getattr(diagnosis, "message_primary", None) or error)


class GoalForm(ServiceForm[FinancialGoal]):
    """A goal; its owner is that of its portfolio, `instance.portfolio` if not asked."""

    class Meta:
        model = FinancialGoal
        fields = (
            "portfolio",
            "goal_type",
            "target_value",
            "start_value",
            "start_date",
            "target_date",
            "priority",
            "recurring",
            "policy",
            "min_factor",
            "max_factor",
            "stop_penalty",
            "after_achieved",
            "min_trading_days",
            "best_day_max_pct",
        )
        labels = {
            "min_trading_days": "Trading days at least",
            "best_day_max_pct": "Best day at most, in %",
        }
        help_texts = {
            "min_trading_days": "Trading days with an entry, before it is achieved. "
            "Default: off.",
            "best_day_max_pct": "Achieved only while the best trading day made at most "
            "this percent of the profit. Default: off.",
            "stop_penalty": "For deadline_optimal: what a breach of a floor counts "
            "against reaching the goal, which counts 1. 0: only reaching counts.",
            "target_value": "Percent for a return, else in the portfolio's currency.",
            "start_value": "Only for a portfolio value; default: the live equity.",
            "start_date": "Default: today in the portfolio's time zone.",
            "priority": "1 (highest) to 10: the goal of highest priority decides.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("start_value", "start_date"):
            if name in self.fields:
                self.fields[name].required = False
                self.initial.pop(name, None)
                self.fields[name].initial = None
        if "stop_penalty" in self.fields:
            self.fields["stop_penalty"].required = False
        for field in self.fields.values():
            if isinstance(field, forms.DateField):  # 03/04/2026 is two days
                field.input_formats = ["%Y-%m-%d"]
                field.error_messages["invalid"] = "Must be a date, such as 2026-03-31."
        if "target_date" in self.fields:
            self._explain_target_date(self.fields["target_date"])

    def clean_stop_penalty(self) -> Decimal:
        """An empty field leaves it."""
        given: Decimal | None = self.cleaned_data["stop_penalty"]
        return self.instance.stop_penalty if given is None else given

    def _explain_target_date(self, field: forms.Field) -> None:
        """Only a new goal's date is chosen for the user, and only some have none."""
        field.help_text = "The last day of the period."
        if self.is_new:
            field.help_text += " Default: the end of the type's calendar period."
        else:
            field.required = self.instance.kind.calendar is not None

    def call_service(self) -> FinancialGoal:
        if self.is_new:
            fields = dict(self.cleaned_data)
            portfolio = fields.pop("portfolio", None) or self.instance.portfolio
            return create_goal(
                user=portfolio.user, portfolio=portfolio.pk, as_of=self.now, **fields
            )
        return update_goal(
            user=self.instance.user,
            goal_id=self.instance.pk,
            as_of=self.now,
            **self.changes,
        )


MEASURED_ANEW = " A change measures the floor anew, from the present equity on."


class PortfolioForm(ServiceForm[Portfolio]):
    class Meta:
        model = Portfolio
        fields = (
            "user",
            "name",
            "currency",
            "time_zone",
            "opening_balance",
            *LIMIT_KINDS,
            "max_position_pct",
            "edge_guard",
            "successor",
        )
        labels = LABELS
        help_texts = {
            "currency": "2 to 10 capital letters or digits, such as USDT.",
            "time_zone": "Such as Europe/Vienna: its days and months begin there.",
            "soft_drawdown_pct": "From this drawdown on, no size above the base size.",
            "hard_drawdown_pct": "At this drawdown trading halts until it is resumed.",
            "daily_loss_limit_pct": "At this loss of the day trading halts until the "
            "next. Default: off.",
            "max_position_pct": "Percent of live equity per symbol. Default: off.",
            "drawdown_mode": "What raises the peak. Trailing closed: closes. Trailing: "
            "closes, and live highs that a second mark confirms. End of day: the value "
            "at a trading day's end. Static: nothing.",
            "end_of_day_of": "Which value counts at a day's end; only read with end "
            "of day.",
            "drawdown_of": "What the drawdown's percentages are of.",
            "drawdown_locks_at": "The floor never rises above this multiple of the "
            "start: 1 locks it there. Default: off.",
            "floor_in": "In units a cash flow moves the floor with it; in money not.",
            "daily_loss_of": "What the daily loss limit is a percentage of.",
            "daily_loss_anchor": "What the day's loss is measured from when the day "
            "began: the live value, the closed one, or the higher.",
            "day_starts_at": "When a trading day begins, in the time zone. It can be "
            "changed until the first goal, trade or cash flow.",
            "daily_profit_lock_pct": "At this profit of the day entries stop until the "
            "next. Default: off.",
            "max_trades_per_day": "After this many entries in a day they stop until "
            "the next. Default: off.",
            "pause_after_losses": "This many losing trades in a row stop entries. "
            "Default: off.",
            "pause_minutes": "For how long. Default: until the next day.",
            "headroom_share_pct": "How much of what is left to the nearest floor one "
            "trade may lose. Default: off.",
            "on_breach": "Fail: running goals fail too.",
            "daily_on_breach": "Fail: running goals fail, and a person resumes.",
            "successor": "Of a challenge's next phase: a portfolio made after this "
            "one, in which nothing was booked yet.",
            "edge_guard": "Strict: no size above the base size before 20 closed "
            "trades show an edge.",
        }

    field_names: ClassVar[dict[str, str]] = {"floor_reference": "floor_equity"}

    start_equity = floor_field(
        "start_equity", "In money: for an account that began elsewhere."
    )
    peak_equity = floor_field(
        "peak_equity", "In money: the highest equity that counts."
    )
    floor_equity = floor_field(
        "floor_equity",
        "In money, where a firm says it is. Default: where the other limits put it.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "day_starts_at" in self.fields:
            self.fields["day_starts_at"].widget = forms.TimeInput(format="%H:%M")
            if not self.is_new and is_used(self.instance):
                self._freeze(self.fields["day_starts_at"])
        for name in SETS_REFERENCE:
            if name in self.fields and not self.is_new:
                self.fields[name].help_text += MEASURED_ANEW
        self.floor_before = None if self.is_new else self._floor()
        if self.floor_before is not None:
            for name, money in asdict(floor_in_money(self.instance, self.now)).items():
                self.fields[name].help_text += f" Now: {self._in_money(money)}."

    def _freeze(self, field: forms.Field) -> None:
        """It is shown; a page that was opened before the first use is refused."""
        field.widget.attrs["readonly"] = True
        field.help_text = (
            "When a trading day begins, in the time zone. The portfolio is used, so it "
            "stays."
        )

    def _in_money(self, amount: Decimal) -> str:
        currency = self.instance.currency
        return f"{in_text.money(amount, currency)} {currency}"

    def _floor(self) -> str | None:
        """Where the hard floor is, in words; None where there is none."""
        floor = floor_in_money(self.instance, self.now).floor_equity
        return None if floor is None else self._in_money(floor)

    def notes(self) -> Iterator[str]:
        """Where the floor is if it moved, and the halts that a change does not end."""
        if self.floor_before is None:
            return
        floor, changed = self._floor(), set(self.changed_data)
        if floor != self.floor_before:
            why = "the percentages changed"
            if changed & {*REFERENCE}:
                why = "it is measured from what you gave"
            elif changed & {*SETS_REFERENCE}:
                why = "it is measured from the present equity on"
            yield f"The floor is now {floor} (was {self.floor_before}): {why}."
        for halt in self.instance.halts.unresumed(self.now):
            yield (
                f"{in_page_words(halt.words)} Changing a limit does not end it: to go "
                "on, resume trading."
            )

    def find_wrong(self) -> Iterable[InvalidInput]:
        given = self.cleaned_data if self.is_new else self.changes
        fields = {name: given[name] for name in given if name not in REFERENCE}
        user = fields.pop("user", None)
        if not self.is_new:
            user = self.instance.user
        return find_wrong_settings(user, self.instance.pk, fields)

    def call_service(self) -> Portfolio:
        fields = dict(self.cleaned_data if self.is_new else self.changes)
        given = {name: fields.pop(name, None) for name in REFERENCE}
        call: dict[str, Any] = {"now": self.now, "changed_by": self.by}
        if any(value is not None for value in given.values()):
            call["floor_reference"] = GivenReference(**given)
        if self.is_new:
            return create_portfolio(**call, **fields)
        if fields.get("successor") is not None:
            fields["successor"] = fields["successor"].pk
        return update_portfolio(
            portfolio_id=self.instance.pk, user=self.instance.user, **call, **fields
        )


class OnceForm(ServiceForm[Row]):
    """A form that, sent twice, books once: each page that is opened has its own id."""

    field_names: ClassVar[dict[str, str]] = {"external_id": "form_id"}

    form_id = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["form_id"] = f"form-{uuid4()}"

    @property
    def given(self) -> dict[str, Any]:
        """What was filled in, by the service's names."""
        form_names = {form: service for service, form in self.field_names.items()}
        return {
            form_names.get(name, name): value
            for name, value in self.cleaned_data.items()
            if value not in (None, "")
        }


class CashFlowForm(OnceForm[CashFlow]):
    """A deposit or a withdrawal; `instance.portfolio` where it is not asked for."""

    field_names: ClassVar[dict[str, str]] = {
        **OnceForm.field_names,
        "at": "flowed_at",
    }

    class Meta:
        model = CashFlow
        fields = ("portfolio", "amount", "flowed_at")
        labels = {"flowed_at": "Time"}
        help_texts = {
            "amount": "In the portfolio's currency: positive deposits, negative "
            "withdraws.",
            "flowed_at": "In UTC; default: now.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "flowed_at" in self.fields:
            self.fields["flowed_at"].required = False

    def call_service(self) -> CashFlow:
        given = self.given
        portfolio = given.pop("portfolio", None) or self.instance.portfolio
        flow, _ = record_cash_flow(
            user=portfolio.user,
            portfolio=portfolio.pk,
            now=self.now,
            recorded_by=self.by,
            **given,
        )
        return flow


class HaltForm(ServiceForm[TradingHalt]):
    class Meta:
        model = TradingHalt
        fields = ("portfolio", "reason")
        help_texts = {
            "reason": "Entries stop until trading is resumed; exits, stops and "
            "imports go on.",
        }

    def call_service(self) -> TradingHalt:
        portfolio = self.cleaned_data.get("portfolio") or self.instance.portfolio
        return halt_anew(
            user=portfolio.user,
            portfolio_id=portfolio.pk,
            reason=self.cleaned_data["reason"],
            now=self.now,
            by=self.by,
        )


def is_at_hard_floor(halt: TradingHalt) -> bool:
    """Whether a resume measures the floor anew: only after a halt at the hard floor."""
    halts = halt.portfolio.halts.filter(resumed_at=None, withdrawn_at=None)
    return bool(halts.filter(cause=HaltCause.HARD_DRAWDOWN).exists())


def fields_to_resume(halt: TradingHalt) -> tuple[str, ...]:
    """With what the floor is measured from where a resume takes it.

    A static floor stays unless a person says so.
    """
    if not is_at_hard_floor(halt):
        return ("reason",)
    is_static = halt.portfolio.drawdown_mode == DrawdownMode.STATIC
    choice = ("from_present",) if is_static else ()
    return ("reason", *choice, "floor_equity", "start_equity", "peak_equity")


class ResumeForm(ServiceForm[TradingHalt]):
    """Ends every halt in force of the halt's portfolio.

    What the floor is measured from is asked after a halt at the hard floor.
    """

    reason = forms.CharField(
        required=False,
        label="Reason",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Optional. Every halt of the portfolio ends; the day's loss, profit, "
        "trades and losses in a row count from here on.",
    )
    from_present = forms.BooleanField(
        required=False, label="Measure the floor from the present equity"
    )
    floor_equity = floor_field(
        "floor_equity",
        "In money: the equity at which entries stop again.",
        label="Floor from now on",
    )
    start_equity = floor_field("start_equity", "In money: what it began with.")
    peak_equity = floor_field(
        "peak_equity", "In money: the highest equity that counts."
    )
    field_names: ClassVar[dict[str, str]] = {"floor_reference": "floor_equity"}

    class Meta:
        model = TradingHalt
        fields = ("reason",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.pop("reason", None)  # that of the halt
        asked = fields_to_resume(self.instance)
        for name in {*REFERENCE, "from_present"} - {*asked}:
            del self.fields[name]
        self.must_choose = "from_present" in asked
        if "floor_equity" in asked:
            self._explain_floor(self.instance.portfolio)

    def _explain_floor(self, portfolio: Portfolio) -> None:
        floor = in_text.money(present_floor(portfolio, self.now), portfolio.currency)
        at = f"{floor} {portfolio.currency}"
        if self.must_choose:
            self.fields["from_present"].help_text = f"The floor is at {at} then."
        else:
            self.fields[
                "floor_equity"
            ].help_text += f" Default: measured from the present equity, at {at}."

    @property
    def _given(self) -> dict[str, Decimal | None]:
        return {name: self.cleaned_data.get(name) for name in REFERENCE}

    def find_wrong(self) -> Iterable[InvalidInput]:
        is_given = any(value is not None for value in self._given.values())
        if self.must_choose and is_given == bool(self.cleaned_data["from_present"]):
            yield InvalidInput(
                "from_present",
                "The floor is static, and stays where it was reached unless you say "
                "otherwise: tick this, or give where the floor is from now on, one of "
                "the two.",
            )

    def call_service(self) -> TradingHalt:
        portfolio, given = self.instance.portfolio, self._given
        is_given = any(value is not None for value in given.values())
        resume_trading(
            user=portfolio.user,
            portfolio_id=portfolio.pk,
            reason=self.cleaned_data["reason"],
            now=self.now,
            by=self.by,
            floor_reference=GivenReference(**given) if is_given else PRESENT,
        )
        self.instance.refresh_from_db()
        return self.instance
