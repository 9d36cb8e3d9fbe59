"""Forms whose rules are the services': what a service refuses becomes a form error."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import uuid4

from django import forms
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Model

from goals.decisions.floor_reference import GivenReference
from goals.enums import DrawdownMode, HaltCause
from goals.models import CashFlow, Portfolio, TradingHalt
from goals.services.limit_changes import present_floor
from goals.services.portfolios import record_cash_flow
from goals.services.resuming import PRESENT, halt_anew, resume_trading
from mastertrade.site.forms import (
    LABELS,
    NO_WHOLE_NUMBER,
    REFERENCE,
    WRONG_NUMBER,
    TellsWrong,
    compare_with_page,
    number_input,
    read_by,
    read_local_time,
    read_number,
)
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.in_text import say
from mastertrade.values.money import MONEY, format_plain

Row = TypeVar("Row", bound=Model)


def floor_field(name: str, help_text: str = "", label: str = "") -> forms.DecimalField:
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


class ServiceForm(TellsWrong, GenericForm[Row]):
    """A form that a service checks and saves, inside the caller's transaction if any.

    Validating it is calling the service: what the service refuses leaves nothing
    behind and shows at the field it names.
    """

    # The request's clock, and who fills it in; set on the class made for the request.
    now: ClassVar[datetime]
    by: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.IntegerField):  # decimals are such fields too
                read_by(read_number, field)
                field.error_messages["invalid"] = NO_WHOLE_NUMBER
            if isinstance(field, forms.DateTimeField):
                read_by(read_local_time, field)
            if isinstance(field, forms.DecimalField):
                field.error_messages |= WRONG_NUMBER
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
            self.tell(wrong)
        if self.errors:
            return
        try:
            with _undoing():
                self.instance = self.call_service()
        except DomainError as error:
            self.tell(error)
        except (IntegrityError, DataError) as error:
            self.add_error(None, f"The database refuses this: {_rule_of(error)}.")

    def labels(self) -> dict[str, str]:
        columns = self._meta.model._meta.concrete_fields
        names = {one.name: str(one.verbose_name).capitalize() for one in columns}
        return {**LABELS, **names, **super().labels()}

    def notes(self) -> Iterable[str]:
        """What else followed from saving it, as sentences."""
        return ()


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


class OnceForm(ServiceForm[Row]):
    """A form that, sent twice, books once: each page that is opened has its own id."""

    field_names: ClassVar[dict[str, str]] = {"external_id": "form_id"}

    form_id = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.DecimalField):
                field.widget = number_input()
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
    """A deposit or a withdrawal, in `instance.portfolio`."""

    class Meta:
        model = CashFlow
        fields = ("amount",)
        help_texts = {
            "amount": "In the portfolio's currency: positive deposits, negative "
            "withdraws.",
        }

    def call_service(self) -> CashFlow:
        portfolio = self.instance.portfolio
        flow, _ = record_cash_flow(
            user=portfolio.user,
            portfolio=portfolio.pk,
            now=self.now,
            recorded_by=self.by,
            **self.given,
        )
        return flow


class HaltForm(ServiceForm[TradingHalt]):
    class Meta:
        model = TradingHalt
        fields = ("reason",)
        widgets = {"reason": forms.Textarea({"rows": 3})}

    def call_service(self) -> TradingHalt:
        portfolio = self.instance.portfolio
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
        at = in_text.amount(present_floor(portfolio, self.now), portfolio.currency)
        if self.must_choose:
            field = self.fields["from_present"]
            field.help_text = say("The floor is at {} then.", at)
        else:
            field = self.fields["floor_equity"]
            field.help_text = say(
                "{} Default: measured from the present equity, at {}.",
                field.help_text,
                at,
            )

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
