"""Encrypt the addresses of all alert channels with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from goals.services.channel_keys import encrypt_again


class Command(BaseCommand):
    help = (
        "Encrypts the addresses and secrets of alert channels with the first of "
        "MASTERTRADE_CHANNEL_KEYS; afterwards the others are no longer needed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done, unreadable = encrypt_again()
        self.stdout.write(f"{done} channels are encrypted with the first key.")
        if unreadable:
            numbers = ", ".join(str(number) for number in unreadable)
            raise CommandError(
                f"No key decrypts the address of channel {numbers}. Add the key it was "
                "encrypted with to MASTERTRADE_CHANNEL_KEYS, or have its user send the "
                "address again."
            )
