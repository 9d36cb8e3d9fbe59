"""A test message to a channel, which its user asked for on a page."""

from django.utils import timezone
from procrastinate import JobContext

from goals.models import AlertChannel
from goals.services.channels import send_test
from trades.jobs.job import Job


def run(context: JobContext, channel_id: int) -> None:
    """Send it, unless it was tried meanwhile, or the channel deleted."""
    channel = AlertChannel.objects.filter(pk=channel_id).first()
    if channel is not None and channel.waits_for_test:
        send_test(channel, clock=timezone.now)


JOB = Job(run)
