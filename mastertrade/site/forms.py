"""Forms that no table stands behind: what a service refuses shows at its field."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, TypeVar

from django import forms

from goals.admin.forms import LABELS, in_page_words
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.money import format_plain
from mastertrade.values.validation import is_plain_number
from mastertrade.web.api_fields import StrictSerializer

Result = TypeVar("Result")


def _read_number(field: forms.DecimalField, value: Any) -> Any:
    """In plain digits, as the API reads it."""
    if isinstance(value, str) and value.strip() and not is_plain_number(value):
        raise forms.ValidationError(field.error_messages["invalid"], code="invalid")
    return forms.DecimalField.to_python(field, value)


def decimal_field(
    label: str, column: tuple[int, int], *, required: bool = True, **more: Any
) -> forms.DecimalField:
    """For a figure that the column (digits, places) holds."""
    field = forms.DecimalField(
        label=label,
        required=required,
        max_digits=column[0],
        decimal_places=column[1],
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={"invalid": "Must be a number, such as 2500.50."},
        **more,
    )
    setattr(field, "to_python", partial(_read_number, field))  # noqa: B010
    return field


def above_zero(value: Decimal) -> None:
    """A field's validator, for what a service takes above 0 only."""
    if value <= 0:
        raise forms.ValidationError("Must be above 0.", code="min_value")


def local_time() -> forms.DateTimeInput:
    """For a time in the user's zone."""
    return forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class CallForm(forms.Form):
    """`call` asks a service with `cleaned_data`; what it refuses is an error here."""

    # A service's name for a field, where the form has another.
    field_names: ClassVar[dict[str, str]] = {}

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
        except InvalidInput as error:
            for wrong in (error, *error.also):
                self._add_wrong(wrong)
        except DomainError as error:
            self.add_error(None, self._in_words(error.on_page))
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
                self._add_wrong(InvalidInput(str(name), str(detail)))
        return None

    def _add_wrong(self, wrong: InvalidInput) -> None:
        field = self.field_names.get(wrong.field, wrong.field)
        if field in self.fields:
            self.add_error(field, self._in_words(wrong.detail))
        else:
            label = LABELS.get(wrong.field, wrong.field)
            self.add_error(None, self._in_words(f"{label}: {wrong.detail}"))

    def _in_words(self, detail: str) -> str:
        shown = {name: str(field.label) for name, field in self.fields.items()}
        return in_page_words(detail, {**LABELS, **shown})
