"""What went wrong with a job of the queue, for people to read."""

from django.utils import timezone

from trades.models import JobError

LONGEST_ERROR = 2_000


def record_error(job_id: int, error: str) -> None:
    """Store the newest error of a job; the queue's row itself has no place for it."""
    JobError.objects.update_or_create(
        job_id=job_id,
        defaults={"error": error[:LONGEST_ERROR], "failed_at": timezone.now()},
    )
