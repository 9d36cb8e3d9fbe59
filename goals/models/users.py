"""The user, whom every other table names by its username."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from goals.enums import NumberFormat
from mastertrade.db.model_fields import check, check_words, choices

MAIN_PORTFOLIO = "main"
# Django's own, with which sessions of today are signed.
SESSION_SALT = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
USERNAME_IS_FIXED = (
    "A username cannot be changed: portfolios, goals and trades refer to it."
)


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of knox
    """A trader or a bot.

    Portfolios, goals and trades refer to the user by name, so that the tables read
    well in psql; the database therefore refuses to rename one that is referred to.
    """

    time_zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    number_format = models.CharField(
        max_length=8,
        choices=choices(NumberFormat),
        default=NumberFormat.POINT,
        db_default=NumberFormat.POINT,
    )
    # How often all browsers were signed out.
    sessions_ended = models.PositiveIntegerField(
        default=0, db_default=0, editable=False
    )

    class Meta(AbstractUser.Meta):
        db_table = "users"
        constraints = [
            check("users_time_zone_not_empty", ~Q(time_zone="")),
            check_words("users_number_format_valid", "number_format", NumberFormat),
        ]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must hold to go on: of the password, and of the last end.

        As Django has it until sessions were ended once, so that older ones go on.
        """
        held = self.password
        if self.sessions_ended:
            held += f"\0{self.sessions_ended}"
        salted = salted_hmac(SESSION_SALT, held, secret=secret, algorithm="sha256")
        return salted.hexdigest()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new user gets the portfolio `main` in the same transaction.

        Here and not in a service, because users are made in many ways (createsuperuser,
        the admin, a script) and none of them may leave one without a portfolio.
        """
        if not self._state.adding:
            self._refuse_another_name(kwargs.get("update_fields"))
            super().save(*args, **kwargs)
            return
        with transaction.atomic():
            super().save(*args, **kwargs)
            self.portfolios.create(name=MAIN_PORTFOLIO)

    def _refuse_another_name(self, update_fields: Any) -> None:
        if update_fields is not None and "username" not in update_fields:
            return
        stored = User.objects.filter(pk=self.pk).values_list("username", flat=True)
        if stored.first() not in {None, self.username}:
            raise ValidationError({"username": USERNAME_IS_FIXED})
