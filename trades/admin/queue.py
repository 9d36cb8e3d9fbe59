"""The queue and its workers: what waits, what runs, what failed and why."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinatePeriodicDefer,
    ProcrastinateWorker,
)

from goals.admin import figures
from goals.admin.base import ReadOnlyAdmin, now_of
from mastertrade.db.queue import (
    find_last_seen,
    is_missing,
    read_queues,
    read_workers,
    retry_failed,
)

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
class QueueAdmin(ReadOnlyAdmin[ProcrastinateJob]):
    """Who may change jobs may have failed ones done again."""

    change_list_template = "admin/trades/queue.html"
    list_display = ("key", "task_name", "state", "queue_name", "runs", "due", "why")
    list_filter = ("status", "queue_name", "task_name")
    list_select_related = ("error",)
    ordering = ("-id",)
    fields = (
        ("key", "task_name", "queue_name"),
        ("state", "runs", "due"),
        ("why", "failed"),
        "given",
    )
    actions = ("retry",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("procrastinate.change_procrastinatejob")

    @admin.action(description="Do failed jobs again", permissions=["retry"])
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

    @admin.display(description="job", ordering="id")
    def key(self, job: ProcrastinateJob) -> int:
        return job.pk

    @admin.display(description="state", ordering="status")
    def state(self, job: ProcrastinateJob) -> SafeString:
        return figures.badge(STATES[job.status])

    @admin.display(description="begun before", ordering="attempts")
    def runs(self, job: ProcrastinateJob) -> int:
        return job.attempts

    @admin.display(description="not before", ordering="scheduled_at")
    def due(self, job: ProcrastinateJob) -> SafeString:
        return figures.instant(job.scheduled_at)

    @admin.display(description="error")
    def why(self, job: ProcrastinateJob) -> SafeString:
        if not hasattr(job, "error"):
            return figures.NOTHING
        text = job.error.error
        if len(text) > LONGEST_SHOWN:
            text = f"{text[:LONGEST_SHOWN]} …"
        return format_html('<span class="reason">{}</span>', text)

    @admin.display(description="raised")
    def failed(self, job: ProcrastinateJob) -> SafeString:
        return figures.instant(job.error.failed_at if hasattr(job, "error") else None)

    @admin.display(description="arguments")
    def given(self, job: ProcrastinateJob) -> str:
        return ", ".join(f"{name}: {value}" for name, value in job.args.items())
