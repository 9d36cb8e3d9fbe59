"""Mappings of columns by name, and the file of a user that is looked at."""

import django.db.models.deletion
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0024_jobs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportMapping",
            fields=[
                ("mapping_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("definition", models.JSONField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        db_column="user_id",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="import_mappings",
                        to=settings.AUTH_USER_MODEL,
                        to_field="username",
                    ),
                ),
            ],
            options={
                "db_table": "import_mappings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "^\\S(.*\\S)?$")),
                        name="import_mappings_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("definition"),
                                    function="jsonb_typeof",
                                    output_field=models.TextField(),
                                ),
                                models.Value("object"),
                            )
                        ),
                        name="import_mappings_definition",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.LessThanOrEqual(
                                models.Func(
                                    models.F("definition"),
                                    output_field=models.IntegerField(),
                                    template="octet_length((%(expressions)s)::text)",
                                ),
                                models.Value(32768),
                            )
                        ),
                        name="import_mappings_size",
                    ),
                    models.UniqueConstraint(
                        fields=("user", "name"), name="import_mappings_name_unique"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportUpload",
            fields=[
                ("upload_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("directory", models.CharField(max_length=32, unique=True)),
                ("file_name", models.CharField(max_length=200)),
                ("size", models.BigIntegerField()),
                ("choices", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                (
                    "user",
                    models.OneToOneField(
                        db_column="user_id",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="import_upload",
                        to=settings.AUTH_USER_MODEL,
                        to_field="username",
                    ),
                ),
            ],
            options={
                "db_table": "import_uploads",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("directory__regex", "^[0-9a-f]{32}$")),
                        name="import_uploads_directory",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("size__gte", 0)), name="import_uploads_size"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("choices"),
                                    function="jsonb_typeof",
                                    output_field=models.TextField(),
                                ),
                                models.Value("object"),
                            )
                        ),
                        name="import_uploads_choices",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.LessThanOrEqual(
                                models.Func(
                                    models.F("choices"),
                                    output_field=models.IntegerField(),
                                    template="octet_length((%(expressions)s)::text)",
                                ),
                                models.Value(65536),
                            )
                        ),
                        name="import_uploads_choices_size",
                    ),
                ],
            },
        ),
        foreign_key(
            "import_mappings",
            "user",
            "user_id",
            "users (username)",
            on_delete="CASCADE",
        ),
        foreign_key(
            "import_uploads", "user", "user_id", "users (username)", on_delete="CASCADE"
        ),
    ]
