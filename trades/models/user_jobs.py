"""Work that users asked for and need not wait for."""

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import LessThanOrEqual

from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    at_least,
    at_most,
    check,
    check_words,
    is_null,
    is_object,
    is_set,
)
from trades.enums import JobState

# In bytes as text.
LARGEST_ARGUMENTS = 1 << 16
LARGEST_RESULT = 1 << 20
LARGEST_ERROR = 4000
LONGEST_STEP = 200
DONE, FAILED, RUNNING = map(str, (JobState.DONE, JobState.FAILED, JobState.RUNNING))
ENDED = [str(state) for state in JobState if state.has_ended]


def is_within(field: str, most: int) -> Q:
    """The column takes at most `most` bytes as text."""
    size = Func(
        F(field),
        template="octet_length((%(expressions)s)::text)",
        output_field=models.IntegerField(),
    )
    return Q(LessThanOrEqual(size, Value(most)))


class UserJob(models.Model):
    """One piece of work: asked by a user, done by a worker, its result kept a week.

    `done` and `result` are written in the transaction that has the effect. `progress`
    is in percent, `step` what is being done. `error` says in words why it failed. A
    cancel that was asked while it ran is noted in `cancel_requested`.
    """

    job_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        to_field="username",
        db_column="user_id",
        related_name="jobs",
        db_constraint=False,  # named, with ON DELETE CASCADE, in the migration
        db_index=False,
    )
    kind = models.CharField(max_length=30)
    state = models.CharField(
        max_length=10, choices=columns.choices(JobState), default=str(JobState.WAITING)
    )
    arguments = models.JSONField()
    # Where its uploaded files are, below MASTERTRADE_JOB_FILES; empty: none.
    directory = models.CharField(max_length=32, default="", blank=True)
    # Its row in the queue.
    queue_key = models.BigIntegerField(null=True)
    progress = models.SmallIntegerField(default=0)
    step = models.CharField(max_length=LONGEST_STEP, default="", blank=True)
    cancel_requested = models.BooleanField(default=False)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "jobs"
        verbose_name = "job"
        constraints = (
            check("jobs_kind", Q(kind__regex=r"^[a-z_]+$")),
            check_words("jobs_state", "state", JobState),
            check("jobs_arguments_object", is_object("arguments")),
            check("jobs_arguments_size", is_within("arguments", LARGEST_ARGUMENTS)),
            check("jobs_directory", Q(directory__regex=r"^([0-9a-f]{32})?$")),
            check(
                "jobs_progress_range",
                at_least("progress", 0) & at_most("progress", 100),
            ),
            check(
                "jobs_result_size",
                is_null("result") | is_within("result", LARGEST_RESULT),
            ),
            check(
                "jobs_result_at_end",
                is_null("result") | Q(state__in=[DONE, FAILED]),
            ),
            check(
                "jobs_error_of_failed",
                (Q(state=FAILED) & ~Q(error="")) | (~Q(state=FAILED) & Q(error="")),
            ),
            check("jobs_error_size", is_within("error", LARGEST_ERROR)),
            check(
                "jobs_running_started",
                ~Q(state__in=[RUNNING, DONE]) | is_set("started_at"),
            ),
            check(
                "jobs_ended_finished",
                (Q(state__in=ENDED) & is_set("finished_at"))
                | (~Q(state__in=ENDED) & is_null("finished_at")),
            ),
            models.UniqueConstraint(
                fields=["directory"],
                condition=~Q(directory=""),
                name="jobs_directory_unique",
            ),
        )
        indexes = (
            models.Index(fields=["user", "-job_id"], name="jobs_by_user"),
            models.Index(fields=["finished_at"], name="jobs_by_end"),
            models.Index(
                fields=["job_id"],
                condition=~Q(state__in=ENDED),
                name="jobs_unfinished",
            ),
        )

    def __str__(self) -> str:
        return f"job {self.pk}: {self.kind} ({self.state})"

    @property
    def has_ended(self) -> bool:
        return JobState(self.state).has_ended
