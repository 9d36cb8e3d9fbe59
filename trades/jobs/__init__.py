"""Work that is done outside a request, by name: one module each.

Adding one: docs/architecture.md, "Which files you touch".
"""

from procrastinate import App, RetryStrategy

from trades.jobs import alerts, daily, deliver
from trades.jobs.failing import alerting
from trades.jobs.job import Job

JOBS: dict[str, Job] = {
    "alerts": alerts.JOB,
    "daily": daily.JOB,
    "deliver": deliver.JOB,
    "deliver_due": deliver.DUE,
}


def register(app: App) -> None:
    """Make each job a task of the queue; called once, when Django is ready."""
    for name, job in JOBS.items():
        task = app.task(
            name=name,
            queue=job.queue,
            retry=RetryStrategy(
                max_attempts=job.attempts, exponential_wait=job.first_wait
            ),
            pass_context=True,
        )(alerting(name, job))
        if job.every is not None:
            app.periodic(cron=job.every)(task)
