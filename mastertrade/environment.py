"""Typed settings from environment variables; a wrong one fails loudly."""

import os
import secrets
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


class SettingError(RuntimeError):
    """An environment variable that cannot be read as what it should be."""


def read_text(name: str, default: str) -> str:
    return os.environ.get(name, default)


def read_bool(name: str, *, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise SettingError(f"{name} must be one of 1, 0, true, false; it is {value!r}.")


def read_choice(name: str, default: str, allowed: Iterable[str]) -> str:
    value = os.environ.get(name, default)
    if value not in allowed:
        raise SettingError(
            f"{name} must be one of {', '.join(allowed)}; it is {value!r}."
        )
    return value


def read_int(name: str, *, default: int) -> int:
    value = os.environ.get(name)
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        raise SettingError(f"{name} must be a whole number; it is {value!r}.") from None


def read_list(name: str, default: list[str]) -> list[str]:
    """Words separated by commas."""
    value = os.environ.get(name)
    if value is None:
        return default
    return [word.strip() for word in value.split(",") if word.strip()]


def read_networks(name: str) -> list[str]:
    """Addresses or networks separated by commas, and `unix` for a Unix socket."""
    words = read_list(name, [])
    for word in words:
        try:
            if word != "unix":
                ip_network(word)
        except ValueError as error:
            raise SettingError(
                f"{name} must hold addresses or networks such as 10.0.0.2 or "
                f"10.0.0.0/8; {error}."
            ) from None
    return words


def read_secret(name: str, path: Path) -> str:
    """The variable, or a secret of this checkout's own, made once and kept.

    The file is readable by its owner only. Two processes that make it at once agree:
    the first link wins.
    """
    value = os.environ.get(name)
    if value:
        return value
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50), encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its secret is the one
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")
