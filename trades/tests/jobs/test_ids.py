"""What a job logs has its id, and nothing after it has."""

from typing import Any

import pytest
from procrastinate import JobContext
from procrastinate.contrib.django import app

from mastertrade.db.queue import defer
from mastertrade.logs import JOB_ID
from trades.jobs import daily


@pytest.mark.django_db
def test_a_job_knows_its_id_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(daily, "run_day", lambda **_: seen.append(JOB_ID.get()) or [])
    key = defer("daily", timestamp=0)
    (job,) = app.job_manager.list_jobs(id=key)
    context = JobContext(app=app, job=job, start_timestamp=0, abort_reason=lambda: None)
    app.tasks["daily"].func(context, timestamp=0)
    assert seen == [key]
    assert JOB_ID.get() is None
