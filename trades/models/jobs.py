"""Errors of jobs; the jobs themselves are rows of procrastinate's."""

from django.db import models
from django.db.models import Q
from procrastinate.contrib.django.models import ProcrastinateJob

from mastertrade.db.model_fields import check


class JobError(models.Model):
    """What a job raised the last time; it goes with the job's row."""

    job = models.OneToOneField(
        ProcrastinateJob,
        models.DO_NOTHING,  # ON DELETE CASCADE in the migration
        primary_key=True,
        related_name="error",
        db_constraint=False,
    )
    error = models.TextField()
    failed_at = models.DateTimeField()

    class Meta:
        db_table = "job_errors"
        constraints = (check("job_errors_error_not_empty", ~Q(error="")),)

    def __str__(self) -> str:
        return self.error
