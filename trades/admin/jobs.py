"""The queue and its workers: what waits, what runs, what failed and why; and what
users asked for."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinatePeriodicDefer,
    ProcrastinateWorker,
)

from goals.admin.base import NONE, ReadOnlyAdmin, in_utc, now_of
from mastertrade.db.queue import (
    find_last_seen,
    is_missing,
    read_queues,
    read_workers,
    retry_failed,
)
from trades.models import UserJob
from trades.services.jobs import cancel_job

# In the words that people read of jobs everywhere.
STATES = {
    "todo": "waiting",
    "doing": "running",
    "succeeded": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "aborted": "cancelled",
}
LONGEST_SHOWN = 300

# The library's own page shows neither workers nor errors, and its "retry" begins
# running jobs a second time.
for model in (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinatePeriodicDefer,
    ProcrastinateWorker,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(ProcrastinateJob)
class QueueAdmin(ReadOnlyAdmin):
    """Who may change jobs may have failed ones done again."""

    change_list_template = "admin/trades/queue.html"
    list_display = (
        "id",
        "task_name",
        "state",
        "queue_name",
        "attempts",
        "scheduled_at",
        "why",
    )
    list_filter = ("status", "queue_name", "task_name")
    list_select_related = ("error",)
    ordering = ("-id",)
    fields = (
        "id",
        "task_name",
        "queue_name",
        "state",
        "attempts",
        "scheduled_at",
        "why",
        "failed",
        "args",
    )
    actions = ("retry",)

    @admin.action(description="Do failed jobs again", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> None:
        count = retry_failed(list(queryset.values_list("pk", flat=True)))
        left = queryset.count() - count
        words = f"Back in the queue: {count}."
        if left:
            words += f" Not failed, and left as they are: {left}."
        self.message_user(request, words, messages.SUCCESS)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        now, last_seen = now_of(request), find_last_seen()
        context = {
            "title": "Queue and workers",
            "now": now,
            "queues": read_queues(),
            "workers": read_workers(),
            "last_seen": last_seen,
            "is_missing": is_missing(last_seen, now),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    @admin.display(ordering="status")
    def state(self, job: ProcrastinateJob) -> str:
        return STATES[job.status]

    @admin.display(description="error")
    def why(self, job: ProcrastinateJob) -> str:
        if not hasattr(job, "error"):
            return NONE
        text = str(job.error.error)
        return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"

    @admin.display(description="raised")
    def failed(self, job: ProcrastinateJob) -> str:
        return in_utc(job.error.failed_at) if hasattr(job, "error") else NONE


@admin.register(UserJob)
class UserJobAdmin(ReadOnlyAdmin):
    list_display = ("job_id", "user", "kind", "state", "progress", "created_at")
    list_filter = ("state", "kind")
    list_select_related = ("user",)
    search_fields = ("user__username", "=job_id")
    search_help_text = "Username or job id"
    ordering = ("-job_id",)
    actions = ("cancel",)
    fields = (
        "job_id",
        "user",
        "kind",
        "state",
        "step",
        "progress",
        "cancel_requested",
        "error",
        "created_at",
        "started_at",
        "finished_at",
    )

    @admin.action(
        description="Cancel: what a job has done so far is undone", permissions=["act"]
    )
    def cancel(self, request: HttpRequest, queryset: QuerySet[UserJob]) -> None:
        self.act_on_each(
            request,
            queryset.select_related("user"),
            "Cancelled, or asked to stop",
            lambda job: cancel_job(user=job.user, job_id=job.pk, now=now_of(request)),
        )
