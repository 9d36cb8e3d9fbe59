"""Where imported trades came from."""

from django.conf import settings
from django.db import models

from goals.models import Portfolio


class TradeImport(models.Model):
    """One file that was imported: who, when, and what became of its rows.

    All its trades are void since `undone_at`, if it was undone.
    """

    import_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="trade_imports",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,
    )
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="trade_imports",
        db_constraint=False,  # composite with the user, in the migration
        db_index=False,
    )
    format = models.CharField(max_length=30)
    file_name = models.CharField(max_length=200)
    content_sha256 = models.CharField(max_length=64)
    created_count = models.PositiveIntegerField()
    known_count = models.PositiveIntegerField()
    refused_count = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "trade_imports"
        indexes = (
            models.Index(fields=["user", "-import_id"], name="trade_imports_by_user"),
        )

    def __str__(self) -> str:
        return f"{self.file_name} ({self.format})"
