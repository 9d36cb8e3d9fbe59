"""Tokens get a name and a last use: a table of our own, knox's rows moved into it."""

from django.conf import settings
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key

COLUMNS = "digest, token_key, created, expiry, user_id"


def move(source: str, target: str) -> str:
    return (
        f"INSERT INTO {target} ({COLUMNS}) SELECT {COLUMNS} FROM {source}; "
        f"DELETE FROM {source}"
    )


# What is left of knox's table is empty and refers to nobody, or users could not be
# truncated without it.
CONSTRAINT = "knox_authtoken_user_id_e5a5d899_fk_users_id"
LET_GO = f"ALTER TABLE knox_authtoken DROP CONSTRAINT IF EXISTS {CONSTRAINT}"
HOLD = (
    f"ALTER TABLE knox_authtoken ADD CONSTRAINT {CONSTRAINT} "
    "FOREIGN KEY (user_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED"
)


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0010_sign_ins"),
        ("knox", "0009_extend_authtoken_field"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "digest",
                    models.CharField(max_length=128, primary_key=True, serialize=False),
                ),
                ("token_key", models.CharField(db_index=True, max_length=25)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("expiry", models.DateTimeField(blank=True, null=True)),
                (
                    "name",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100
                    ),
                ),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=models.CASCADE,
                        related_name="auth_token_set",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": "api_tokens", "verbose_name": "API token"},
        ),
        foreign_key("api_tokens", "user", "user_id", "users (id)", on_delete="CASCADE"),
        migrations.RunSQL(
            move("knox_authtoken", "api_tokens"), move("api_tokens", "knox_authtoken")
        ),
        migrations.RunSQL(LET_GO, HOLD),
    ]
