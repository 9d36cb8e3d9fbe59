"""Lots that are open, first in first out; many of them wait in a file. Pure."""

import pickle  # nosec B403  # of lots that this process wrote itself
import tempfile
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import IO

from mastertrade.values.money import MONEY, ONE, ZERO, exactly, round_down
from trades.decisions.lots import PositionLot
from trades.enums import Side

# As many lots as memory holds at each end of the queue.
LOTS_IN_MEMORY = 20_000


@dataclass(slots=True)
class Lot:
    """What one fill opened, and what is left of it.

    `is_known`: the ledger has it from before this file; `is_touched`: it has changed
    since. `unbooked` is what rounding left of its parts.
    """

    external_id: str
    line: int
    side: Side
    position: PositionLot
    opened_at: datetime
    fx_rate: Decimal = ONE
    leverage: Decimal = ONE
    stop_price: Decimal | None = None
    strategy_id: str | None = None
    unbooked: Decimal = ZERO
    is_known: bool = False
    is_touched: bool = False


class LotQueue:
    """A queue of lots whose middle is kept on disk, so that memory stays flat."""

    def __init__(self, in_memory: int = LOTS_IN_MEMORY) -> None:
        self.quantity = ZERO  # of all lots together
        self.count = 0
        self._in_memory = in_memory
        self._first: deque[Lot] = deque()
        self._last: deque[Lot] = deque()
        self._file: IO[bytes] | None = None
        self._chunks: deque[int] = deque()

    @exactly
    def push(self, lot: Lot) -> None:
        self.quantity += lot.position.quantity
        self.count += 1
        if not self._chunks and not self._last and len(self._first) < self._in_memory:
            self._first.append(lot)
            return
        self._last.append(lot)
        if len(self._last) >= self._in_memory:
            self._write()

    def first(self) -> Lot | None:
        """The lot that comes first, left where it is."""
        if not self._first:
            self._first = self._read()
        return self._first[0] if self._first else None

    @exactly
    def lessen_first(self, rest: PositionLot | None) -> None:
        """Leave the first lot only a rest; None drops it."""
        lot = self._first[0]
        self.quantity -= lot.position.quantity
        if rest is None:
            self._first.popleft()
            self.count -= 1
            return
        lot.position = rest
        self.quantity += rest.quantity

    @exactly
    def fund(self, funding: Decimal, line: int) -> None:
        """Share funding (received positive) among all lots, by their quantities.

        What rounding leaves goes to the last.
        """
        whole, before, paid = self.quantity, ZERO, ZERO
        for _ in range(self.count):
            lot = self.first()
            assert lot is not None
            self.lessen_first(None)
            before += lot.position.quantity
            due = funding
            if before < whole:
                due = round_down(funding * before / whole, MONEY)
            lot.position = replace(
                lot.position, funding=lot.position.funding + due - paid
            )
            lot.is_touched, lot.line = True, line
            paid = due
            self.push(lot)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # `close` does
        self._chunks.append(self._file.seek(0, 2))
        pickle.dump(self._last, self._file, pickle.HIGHEST_PROTOCOL)
        self._last = deque()

    def _read(self) -> deque[Lot]:
        """The lots that come next: from the file, else the last ones."""
        if not self._chunks or self._file is None:
            last, self._last = self._last, deque()
            return last
        self._file.seek(self._chunks.popleft())
        lots: deque[Lot] = pickle.load(self._file)  # nosec B301  # nameless file
        if not self._chunks:
            self._file.truncate(0)
        return lots
