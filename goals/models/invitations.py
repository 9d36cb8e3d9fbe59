"""Invitations: links with which somebody makes an account, once."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from mastertrade.db.model_fields import check, is_null, is_set


class Invitation(models.Model):
    """Open until it is accepted or expires; a revoked one is deleted.

    Only the digest of the link's token is stored.
    """

    invitation_id = models.BigAutoField(primary_key=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        to_field="username",
        related_name="invitations",
        db_constraint=False,  # named, with ON DELETE CASCADE, in the migration
        db_index=False,
    )
    # Where the link was sent, or whom it is for; may be empty.
    email = models.EmailField(blank=True, default="")
    token_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    # The name that was chosen.
    accepted_as = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        db_table = "invitations"
        constraints = (
            check("invitations_digest", Q(token_digest__regex=r"^[0-9a-f]{64}$")),
            check("invitations_expire_later", Q(expires_at__gt=F("created_at"))),
            check(
                "invitations_accepted_as",
                (is_null("accepted_at") & Q(accepted_as=""))
                | (is_set("accepted_at") & ~Q(accepted_as="")),
            ),
            models.UniqueConstraint(
                fields=["token_digest"], name="invitations_digest_unique"
            ),
        )
        indexes = (
            models.Index(
                fields=["invited_by", "-invitation_id"], name="invitations_by_inviter"
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk} of {self.invited_by_id}"
