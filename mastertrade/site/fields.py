"""Fields of forms as people fill them in."""

from decimal import Decimal
from typing import Any

from django import forms

from mastertrade.values.validation import is_plain_number


class NumberField(forms.DecimalField):
    """In plain digits with a point, as the API reads it."""

    default_error_messages = {"invalid": "Give a number such as 3148.50."}

    def to_python(self, value: Any) -> Decimal | None:
        if isinstance(value, str) and value.strip() and not is_plain_number(value):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


def number_field(
    column: tuple[int, int], label: str, *, required: bool = True, **more: Any
) -> NumberField:
    """For a figure that the column (digits, places) holds."""
    return NumberField(
        label=label,
        required=required,
        max_digits=column[0],
        decimal_places=column[1],
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
        **more,
    )
