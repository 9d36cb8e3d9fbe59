"""How an alert reaches a user, by name: one module each.

None yet. Adding one: docs/architecture.md, "Which files you touch".
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Channel:
    """`check` raises `InvalidInput` for an address (first) that nothing can be sent to.

    `send` sends a text (second) to an address, once; it raises where that failed.
    """

    check: Callable[[str], None]
    send: Callable[[str, str], None]


CHANNELS: dict[str, Channel] = {}
