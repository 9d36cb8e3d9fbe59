"""What signing in leaves behind: counted tries, known addresses, tokens."""

from django.conf import settings
from django.db import models
from knox.models import AbstractAuthToken


class SignInCount(models.Model):
    """Wrong passwords of one address, one name, or both, until `ends_at`.

    `key` is a digest: a name that was tried may be a password typed in the wrong field.
    """

    key = models.CharField(max_length=64, primary_key=True)
    tries = models.PositiveSmallIntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        db_table = "sign_in_counts"
        indexes = (models.Index(fields=["ends_at"], name="sign_in_counts_by_end"),)

    def __str__(self) -> str:
        return f"{self.tries} until {self.ends_at}"


class KnownAddress(models.Model):
    """An address from which the user has signed in."""

    address_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="known_addresses",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    address = models.CharField(max_length=50)
    signed_in_at = models.DateTimeField()

    class Meta:
        db_table = "known_addresses"
        constraints = (
            models.UniqueConstraint(
                fields=["user", "address"], name="known_addresses_unique"
            ),
        )

    def __str__(self) -> str:
        return self.address


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """A token of a user's bots and scripts; knox keeps its digest only."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="auth_token_set",
        db_constraint=False,  # ON DELETE CASCADE in the migration
    )
    name = models.CharField(max_length=100, blank=True, default="", db_default="")
    # To the minute, so that a busy bot's requests do not each write it.
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_tokens"
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name or f"{self.token_key[:8]}…"
