from django.conf import settings
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0009_kinds"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignInCount",
            fields=[
                (
                    "key",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("tries", models.PositiveSmallIntegerField()),
                ("ends_at", models.DateTimeField()),
            ],
            options={
                "db_table": "sign_in_counts",
                "indexes": [
                    models.Index(fields=["ends_at"], name="sign_in_counts_by_end")
                ],
            },
        ),
        migrations.CreateModel(
            name="KnownAddress",
            fields=[
                ("address_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("address", models.CharField(max_length=50)),
                ("signed_in_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.CASCADE,
                        related_name="known_addresses",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "known_addresses",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "address"), name="known_addresses_unique"
                    )
                ],
            },
        ),
        foreign_key(
            "known_addresses", "user", "user_id", "users (id)", on_delete="CASCADE"
        ),
    ]
