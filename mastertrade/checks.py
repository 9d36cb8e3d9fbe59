"""What `manage.py check --deploy` asks of a site that others reach."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security, deploy=True)
def check_no_debugging(app_configs: Any, **options: Any) -> list[CheckMessage]:
    if not (settings.DEBUG and settings.HTTPS):
        return []
    return [
        Error(
            "MASTERTRADE_DEBUG shows settings and code to anyone who causes an error.",
            hint="Remove it where MASTERTRADE_HTTPS is 1.",
            id="mastertrade.E001",
        )
    ]


@register(Tags.security, deploy=True)
def check_proxies(app_configs: Any, **options: Any) -> list[CheckMessage]:
    if settings.TRUSTED_PROXIES or not settings.HTTPS:
        return []
    return [
        Warning(
            "With MASTERTRADE_HTTPS=1 and no proxy that is believed, every request is "
            "redirected to HTTPS for ever.",
            hint="Name the proxy's address in MASTERTRADE_TRUSTED_PROXIES.",
            id="mastertrade.W001",
        )
    ]
