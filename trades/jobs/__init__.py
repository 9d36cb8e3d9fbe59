"""Work that is done outside a request, by name: one module each.

Adding one: docs/architecture.md, "Which files you touch".
"""

from procrastinate import App, RetryStrategy

from trades.jobs import daily, forget_jobs, user_job
from trades.jobs.job import Job
from trades.services.jobs import QUEUED_AS

JOBS: dict[str, Job] = {
    "daily": daily.JOB,
    "forget_jobs": forget_jobs.JOB,
    QUEUED_AS: user_job.JOB,
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
        )(job.run)
        if job.every is not None:
            app.periodic(cron=job.every)(task)
