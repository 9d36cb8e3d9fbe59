"""The user, whom every other table names by its username."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import transaction

MAIN_PORTFOLIO = "main"
USERNAME_IS_FIXED = (
    "A username cannot be changed: portfolios, goals and trades refer to it."
)


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of knox
    """A trader or a bot.

    Portfolios, goals and trades refer to the user by name, so that the tables read
    well in psql; the database therefore refuses to rename one that is referred to.
    """

    class Meta(AbstractUser.Meta):
        db_table = "users"

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
