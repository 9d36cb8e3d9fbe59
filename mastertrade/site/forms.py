"""Forms that no table stands behind: what a service refuses shows at its field."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from django import forms

from goals.admin.forms import LABELS, in_page_words
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.money import format_plain

Result = TypeVar("Result")


class CallForm(forms.Form):
    """`call` asks a service with `cleaned_data`; what it refuses is an error here."""

    # A service's name for a field, where the form has another.
    field_names: ClassVar[dict[str, str]] = {}

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """A figure without trailing zeros."""
        value = super().get_initial_for_field(field, field_name)
        return format_plain(value) if isinstance(value, Decimal) else value

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
