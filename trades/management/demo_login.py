"""The demo's user: made once, with a password of this checkout's own."""

import secrets
from pathlib import Path

from django.conf import settings

from goals.models import User

USERNAME = "demo"


def ensure_demo_user() -> User:
    """The user `demo`, who may see the admin; made on first use.

    An existing user keeps the password somebody gave it.
    """
    user = User.objects.filter(username=USERNAME).first()
    if user is None:
        user = User.objects.create_superuser(USERNAME, password=_make_password())
    return user


def read_password() -> str | None:
    """The password as it was made; None where it was not made here."""
    path = _path()
    return path.read_text(encoding="ascii").strip() if path.exists() else None


def _make_password() -> str:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(secrets.token_urlsafe(12) + "\n", encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def _path() -> Path:
    var: Path = settings.VAR_DIR
    return var / "demo-password"
