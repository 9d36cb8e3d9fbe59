"""E-mail, over the mail server of the operator's choice."""

from smtplib import SMTPConnectError, SMTPException, SMTPServerDisconnected

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email

from goals.channels.channel import SECONDS, Channel, Message, NotSent, shown_answer
from mastertrade.values.exceptions import InvalidInput
from mastertrade.web.mail import send_within

LONGEST_SUBJECT = 150
LONGEST_LOCAL_PART = 64  # RFC 5321
NO_SERVER = (
    "The mail server did not answer. The operator names it: MASTERTRADE_EMAIL_HOST."
)


def check(address: str) -> str:
    """One address, such as ada@example.com; shown without the name's rest."""
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidInput(
            "address", "Must be one e-mail address, such as ada@example.com."
        ) from None
    name, _, domain = address.rpartition("@")
    if len(name) > LONGEST_LOCAL_PART:
        raise InvalidInput(
            "address",
            f"Must have at most {LONGEST_LOCAL_PART} characters before the @, as mail "
            "servers take no more.",
        )
    return f"{name[0]}…@{domain}"


def send(address: str, secret: str, message: Message, seconds: float = SECONDS) -> str:
    """`seconds` bound the whole of it: name, connection and every answer."""
    subject = " ".join(message.title.split())[:LONGEST_SUBJECT]
    mail = EmailMultiAlternatives(
        subject,
        message.text,
        to=[address],
        headers={"Message-ID": f"<{message.key}@mastertrade>"},
    )
    mail.attach_alternative(message.html, "text/html")
    try:
        send_within(mail, seconds)
    except (SMTPConnectError, SMTPServerDisconnected) as error:
        raise NotSent(NO_SERVER, no_answer=True) from error
    except SMTPException as error:
        raise NotSent(f"The mail server refused it: {_words(error)}") from error
    except TimeoutError as error:
        words = f"The mail server did not take it within {seconds:g} seconds."
        raise NotSent(words, no_answer=True) from error
    except OSError as error:
        raise NotSent(NO_SERVER, no_answer=True) from error
    return "The mail server took it."


def _words(error: SMTPException) -> str:
    """The server's code, without its words, which may hold the address."""
    code = getattr(error, "smtp_code", None)
    if code is None and (recipients := getattr(error, "recipients", None)):
        code = next(iter(recipients.values()))[0]
    return shown_answer(str(code or type(error).__name__).encode())


CHANNEL = Channel(check, send, guarded=False)
