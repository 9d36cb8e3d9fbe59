"""Solved policy tables: a cache. Every row can be deleted and is solved again."""

from django.db import models
from django.db.models import Q

from mastertrade.db.model_fields import check


class PolicyTable(models.Model):
    """One solved table of `deadline_optimal`.

    `table_hash` is the hash of `inputs`, from which alone the table follows; `question`
    the hash of what it was first asked by, so that it is found without reading the
    record's trades.
    """

    table_hash = models.CharField(primary_key=True, max_length=64)
    question = models.CharField(max_length=64)
    version = models.CharField(max_length=50)
    inputs = models.JSONField()
    factors = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "policy_tables"
        constraints = (
            models.UniqueConstraint(
                fields=["question"], name="policy_tables_question_unique"
            ),
            check("policy_tables_hash_set", ~Q(table_hash="")),
        )

    def __str__(self) -> str:
        return f"{self.version} {self.table_hash[:12]}"
