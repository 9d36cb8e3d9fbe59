"""Mappings of columns that users store by name, and a file between two steps."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from mastertrade.db.model_fields import at_least, check, is_object
from trades.models.user_jobs import is_within

LONGEST_MAPPING_NAME = 80
# In bytes as text.
LARGEST_MAPPING = 1 << 15


class ImportMapping(models.Model):
    """Which column of a user's files is which field, under a name of the user's own.

    `definition` is what `trades.importing.mapped.mapping.read_mapping` reads.
    """

    mapping_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        to_field="username",
        db_column="user_id",
        related_name="import_mappings",
        db_constraint=False,  # named, with ON DELETE CASCADE, in the migration
        db_index=False,
    )
    name = models.CharField(max_length=LONGEST_MAPPING_NAME)
    definition = models.JSONField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "import_mappings"
        constraints = (
            check("import_mappings_name", Q(name__regex=r"^\S(.*\S)?$")),
            check("import_mappings_definition", is_object("definition")),
            check("import_mappings_size", is_within("definition", LARGEST_MAPPING)),
            models.UniqueConstraint(
                fields=["user", "name"], name="import_mappings_name_unique"
            ),
        )

    def __str__(self) -> str:
        return self.name


class ImportUpload(models.Model):
    """The one file of a user that is looked at before it is imported.

    It is in `directory` below MASTERTRADE_JOB_FILES, and goes with it after an hour.
    `choices` are what the user has chosen so far: format, mapping, portfolio.
    """

    upload_id = models.BigAutoField(primary_key=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        to_field="username",
        db_column="user_id",
        related_name="import_upload",
        db_constraint=False,  # named, with ON DELETE CASCADE, in the migration
    )
    directory = models.CharField(max_length=32, unique=True)
    file_name = models.CharField(max_length=200)
    size = models.BigIntegerField()
    choices = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "import_uploads"
        constraints = (
            check("import_uploads_directory", Q(directory__regex=r"^[0-9a-f]{32}$")),
            check("import_uploads_size", at_least("size", 0)),
            check("import_uploads_choices", is_object("choices")),
            check(
                "import_uploads_choices_size",
                is_within("choices", 2 * LARGEST_MAPPING),
            ),
        )

    def __str__(self) -> str:
        return self.file_name
