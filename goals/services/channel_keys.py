"""The encryption of channels' addresses and secrets, and the rotation of its keys."""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from goals.models import AlertChannel
from mastertrade.db.transactions import atomic

AT_ONCE = 500


UNREADABLE = (
    "The channel's address cannot be decrypted. The operator gives the key it was "
    "encrypted with in MASTERTRADE_CHANNEL_KEYS; or send the address again."
)


class AddressUnreadable(Exception):
    """None of the keys decrypts the channel's address."""


def encrypt(text: str) -> str:
    """With the first key."""
    return _fernet(tuple(settings.CHANNEL_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """With any of the keys; empty stays empty. Raises `AddressUnreadable`."""
    if not token:
        return ""
    try:
        return _fernet(tuple(settings.CHANNEL_KEYS)).decrypt(token).decode()
    except InvalidToken:
        raise AddressUnreadable from None


def encrypt_again() -> tuple[int, list[int]]:
    """Encrypt everything with the first key; how many, and which no key decrypts.

    In transactions of `AT_ONCE` channels: it may be interrupted and run again.
    """
    done, unreadable, after = 0, list[int](), 0
    while keys := _encrypt_some(after, unreadable):
        done += len(keys)
        after = keys[-1]
    return done - len(unreadable), unreadable


@atomic
def _encrypt_some(after: int, unreadable: list[int]) -> list[int]:
    """The channels that were looked at, in the order of their keys."""
    locked = AlertChannel.objects.select_for_update(no_key=True)
    channels = locked.filter(pk__gt=after).order_by("pk")[:AT_ONCE]
    fernet = _fernet(tuple(settings.CHANNEL_KEYS))
    keys = []
    for channel in channels:
        keys.append(channel.pk)
        try:
            channel.address = fernet.rotate(channel.address).decode()
            if channel.secret:
                channel.secret = fernet.rotate(channel.secret).decode()
        except InvalidToken:
            if channel.pk not in unreadable:
                unreadable.append(channel.pk)
        else:
            channel.save(update_fields=["address", "secret"])
    return keys


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    """Any text is a key: 32 bytes are derived from it."""
    return MultiFernet([Fernet(_derive(key)) for key in keys])


def _derive(key: str) -> bytes:
    derivation = HKDF(SHA256(), length=32, salt=None, info=b"mastertrade channels")
    return urlsafe_b64encode(derivation.derive(key.encode()))
