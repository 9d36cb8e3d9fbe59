"""What forms share: numbers and times as people type them, refusals in their words."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, TypeVar

from django import forms
from django.utils import timezone

from goals.models.portfolios import LIMIT_KINDS
from mastertrade.site.figures import show
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.in_text import after_colon, cased, say
from mastertrade.values.money import format_plain
from mastertrade.values.validation import is_plain_number
from mastertrade.web.api_fields import StrictSerializer

Result = TypeVar("Result")
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
NO_NUMBER = "Must be a number, such as 2500.50."
# What the API says of the same.
WRONG_NUMBER = {
    "invalid": NO_NUMBER,
    "max_digits": "Must have at most %(max)s digits.",
    "max_decimal_places": "Must have at most %(max)s decimal places.",
    "max_whole_digits": "Must have at most %(max)s digits before the decimal point.",
}
NO_WHOLE_NUMBER = "Must be a whole number, such as 5."


def read_by(read: Callable[[Any, Any], Any], field: forms.Field) -> None:
    """Have the field take what is typed in it as `read` does."""
    setattr(field, "to_python", partial(read, field))  # noqa: B010


def read_number(field: forms.IntegerField, value: Any) -> Any:
    """In plain digits, as the API reads it."""
    if isinstance(value, str) and value.strip() and not is_plain_number(value):
        raise forms.ValidationError(field.error_messages["invalid"], code="invalid")
    return type(field).to_python(field, value)


def read_local_time(field: forms.DateTimeField, value: Any) -> datetime | None:
    """As the import reads it: of an hour that comes twice, the first."""
    try:
        return forms.DateTimeField.to_python(field, value)
    except forms.ValidationError as error:
        if error.code != "ambiguous_timezone" or error.params is None:
            raise
        written: datetime = error.params["datetime"]
    zone = timezone.get_current_timezone()
    first = written.replace(tzinfo=zone)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != written:
        raise forms.ValidationError(
            f"Is no time of {zone}: the clocks skip it. Give one before or after.",
            code="skipped",
        )
    return first


def compare_with_page(form: forms.BaseForm) -> None:
    """Have `changed_data` say what differs from what the page showed.

    The row may have changed since. The page sends its own values along; a field without
    one is compared with the row.
    """
    for name, field in form.fields.items():
        sent = form.add_initial_prefix(name) in form.data
        field.show_hidden_initial = sent or not form.is_bound


def number_input() -> forms.TextInput:
    """A number's own keyboard on a phone, and no arrows that change it by 1."""
    return forms.TextInput({"inputmode": "decimal", "autocomplete": "off"})


def decimal_field(
    label: str, column: tuple[int, int], *, required: bool = True, **more: Any
) -> forms.DecimalField:
    """For a figure that the column (digits, places) holds."""
    field = forms.DecimalField(
        label=label,
        required=required,
        max_digits=column[0],
        decimal_places=column[1],
        widget=number_input(),
        error_messages=WRONG_NUMBER,
        **more,
    )
    read_by(read_number, field)
    return field


def above_zero(value: Decimal) -> None:
    """A field's validator, for what a service takes above 0 only."""
    if value <= 0:
        raise forms.ValidationError("Must be above 0.", code="min_value")


def local_time() -> forms.DateTimeInput:
    """For a time in the user's zone."""
    return forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class TellsWrong:
    """A form that tells what a service refuses, at its field, in the page's words."""

    # A service's name for a field, where the form has another.
    field_names: ClassVar[dict[str, str]] = {}
    fields: dict[str, forms.Field]
    add_error: Callable[..., None]

    def tell(self, refusal: DomainError) -> None:
        if not isinstance(refusal, InvalidInput):
            self.add_error(None, show(refusal.on_page, labels=self.labels()))
            return
        for wrong in (refusal, *refusal.also):
            field = self.field_names.get(wrong.field, wrong.field)
            if field in self.fields:
                self.add_error(field, show(cased(wrong.detail), labels=self.labels()))
            else:
                label = LABELS.get(wrong.field, wrong.field)
                words = say("{}: {}", label, after_colon(wrong.detail))
                self.add_error(None, show(words, labels=self.labels()))

    def labels(self) -> dict[str, str]:
        """What the page calls the fields, and the settings of a portfolio."""
        shown = {name: str(field.label) for name, field in self.fields.items()}
        return {**LABELS, **shown}


class CallForm(TellsWrong, forms.Form):
    """`call` asks a service with `cleaned_data`; what it refuses is an error here."""

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """A figure without trailing zeros."""
        value = super().get_initial_for_field(field, field_name)
        return format_plain(value) if isinstance(value, Decimal) else value

    def group(self, names: Iterable[str]) -> list[forms.BoundField]:
        return [self[name] for name in names]

    def call(self, service: Callable[..., Result], **given: Any) -> Result | None:
        """What the service answers; None where it refuses, and the form says why."""
        try:
            return service(**given)
        except DomainError as error:
            self.tell(error)
            return None

    def read(
        self, body: type[StrictSerializer], given: Mapping[str, Any], user: Any
    ) -> dict[str, Any] | None:
        """What is given, as the API would read it; None where it refuses.

        What was left empty is not given.
        """
        filled = {name: one for name, one in given.items() if one not in ("", None)}
        sent = body(data=filled, context={"user": user})
        if sent.is_valid():
            return dict(sent.validated_data)
        for name, details in sent.errors.items():
            for detail in details:
                self.tell(InvalidInput(str(name), str(detail)))
        return None
