"""What a user sets about their own account."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import F

from goals.enums import NumberFormat
from goals.models import User
from goals.services.portfolio_settings import require_time_zone
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.validation import require_word

PREFERENCES = ("email", "time_zone", "number_format")


@atomic
def update_account(*, user: User, **changes: Any) -> None:
    """Change `PREFERENCES`; raises `InvalidInput` for the first that is wrong."""
    for name, value in changes.items():
        if name not in PREFERENCES:
            raise InvalidInput(name, "cannot be set.")
        if name == "time_zone":
            require_time_zone(value)
        elif name == "number_format":
            value = require_word(name, value, NumberFormat)
        elif value:
            _require_email(value)
        setattr(user, name, value)
    if changes:
        user.save(update_fields=list(changes))


def _require_email(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidInput(
            "email", "Must be one e-mail address, such as ada@example.com."
        ) from None


def end_sessions(user: User) -> None:
    """Sign all browsers out; tokens and webhooks go on."""
    User.objects.filter(pk=user.pk).update(sessions_ended=F("sessions_ended") + 1)
