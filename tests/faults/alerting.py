"""`python -m tests.faults.alerting NAME USERS ALERTS URL`: alerts, each in a commit.

Each user has one webhook, and gets an equal share of the alerts, in turn.
"""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")
    import django

    django.setup()
    name, users, alerts, url = sys.argv[1:]
    write(make_users(name, int(users), url), int(alerts))


def make_users(name, count, url):
    from django.utils import timezone

    from goals.models import User
    from goals.services.channels import create_channel

    users = [User.objects.create_user(f"{name}-{number}") for number in range(count)]
    for user in users:
        create_channel(
            user=user,
            kind="webhook",
            address=url,
            now=timezone.now(),
            per_minute=60_000,
        )
    return users


def write(users, count):
    from django.utils import timezone

    from goals.decisions.alerts import Alert
    from goals.enums import AlertKind, Severity
    from goals.services.alerts import write_alerts
    from mastertrade.db.transactions import atomic

    for number in range(count):
        now = timezone.now()
        alert = Alert(
            kind=AlertKind.MILESTONE,
            cause=f"cause {number}",
            severity=Severity.INFO,
            title="50 % of the way",
            text="The goal of 5 % stands at 2.5 %.",
            figures={"progress_pct": "50"},
            occurred_at=now,
        )
        user = users[number % len(users)]
        atomic(write_alerts)([alert], user_id=user.username, now=now)


if __name__ == "__main__":
    main()
