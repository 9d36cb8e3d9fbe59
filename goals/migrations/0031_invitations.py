from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0030_sessions_ended"),
    ]

    operations = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "invitation_id",
                    models.BigAutoField(primary_key=True, serialize=False),
                ),
                (
                    "email",
                    models.EmailField(blank=True, default="", max_length=254),
                ),
                ("token_digest", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "accepted_as",
                    models.CharField(blank=True, default="", max_length=150),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.CASCADE,
                        related_name="invitations",
                        to=settings.AUTH_USER_MODEL,
                        to_field="username",
                    ),
                ),
            ],
            options={
                "db_table": "invitations",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(token_digest__regex="^[0-9a-f]{64}$"),
                        name="invitations_digest",
                    ),
                    models.CheckConstraint(
                        condition=Q(expires_at__gt=F("created_at")),
                        name="invitations_expire_later",
                    ),
                    models.CheckConstraint(
                        condition=(Q(accepted_at__isnull=True) & Q(accepted_as=""))
                        | (Q(accepted_at__isnull=False) & ~Q(accepted_as="")),
                        name="invitations_accepted_as",
                    ),
                    models.UniqueConstraint(
                        fields=("token_digest",), name="invitations_digest_unique"
                    ),
                ],
                "indexes": [
                    models.Index(
                        fields=["invited_by", "-invitation_id"],
                        name="invitations_by_inviter",
                    )
                ],
            },
        ),
        foreign_key(
            "invitations",
            "invited_by",
            "invited_by_id",
            "users (username)",
            on_delete="CASCADE",
        ),
    ]
