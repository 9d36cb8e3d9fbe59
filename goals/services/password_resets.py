"""Forgotten passwords: a link by mail, sent by the worker.

Not by the request: how long it takes would say whether anybody has the address.
"""

from datetime import datetime
from typing import Any

from django.contrib.auth.forms import PasswordResetForm
from django.core.mail import EmailMultiAlternatives
from django.template import loader

from goals.channels.channel import SECONDS
from goals.services.sign_ins import Limit, take_visit
from mastertrade.db.queue import defer
from mastertrade.web.mail import send_within

JOB = "password_reset"
# To one mail address, whoever asks.
BY_MAIL = Limit(3, 900)
SUBJECT = "A new password for MasterTrade"


class ResetForm(PasswordResetForm):
    """Django's, whose mail is not given up on silently: the job is run again."""

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        text = loader.render_to_string(email_template_name, context)
        mail = EmailMultiAlternatives(SUBJECT, text, from_email, [to_email])
        send_within(mail, SECONDS)


def request_reset(email: str, *, root: str, now: datetime) -> None:
    """Have a link sent to who has the address; too many to one are left out.

    `root` is the site's address, such as https://mastertrade.example.
    """
    if take_visit("reset to", email.lower(), BY_MAIL, now) is None:
        defer(JOB, email=email, root=root)


def send_reset(email: str, root: str) -> None:
    """Send the link to every active user of the address who has a password."""
    form = ResetForm({"email": email})
    if not form.is_valid():
        return
    scheme, _, domain = root.partition("://")
    form.save(
        domain_override=domain,
        use_https=scheme == "https",
        email_template_name="accounts/reset.txt",
    )
