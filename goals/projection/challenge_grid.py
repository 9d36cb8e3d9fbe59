"""The states of a challenge on a grid, and where each of them leads. Pure.

A state is equity (x: itself for a risk of the start, else its logarithm), high water,
the day's opening and the days traded. Nodes of x lie equally apart, today on one, and
the goal on one unless all steps are multiples of one unit, when nothing is rounded at
all. High waters and openings are nodes, too, some apart: a layer for each pair.
"""

from functools import cached_property
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goals.projection.challenge_reach import bounds
from goals.projection.challenge_reading import (
    Reader,
    around,
    around_line,
    nearest_level,
)
from goals.projection.challenge_rules import TOUCH, Question, Seen
from goals.projection.types import Flags, Floats, Indices

# A whole number of nodes is one that is no farther off than this.
WHOLE = 1e-6
# Layers that are kept next to those which can be: cubics are read from four.
BEYOND = 3


class States:
    """The grid: nodes `step` apart in x, high waters every `stride` nodes.

    Under a daily limit each node is an opening, or one of `opened_every`: a choice
    between two of them is that of one, with another floor.

    Rows are blocks of (days traded, high water, opening); each holds `width` nodes from
    its own first one up. The blocks of days traded k = 0 … n (n: as many as needed) are
    those of a day that has had a trade; then follow those of a day without, for k < n.
    """

    def __init__(
        self, question: Question, step: float, stride: int, opened_every: int = 1
    ) -> None:
        self.question, self.step, self.stride = question, step, stride
        self.opened_every = opened_every
        rules = question.rules
        self.days_needed = rules.min_trading_days
        self.blocks = self.days_needed + 1
        self.start = float(self.to_x(np.array(question.equity)))
        bottom, top = bounds(question)
        self.today = max(ceil((self.start - bottom) / step - WHOLE) - 1, 0)
        nodes = self.today + 1 + floor((top - self.start) / step + WHOLE)
        self.lowest = self.start - self.today * step
        x = self.lowest + step * np.arange(nodes)
        at_goal = self.to_x(np.array(question.goal - TOUCH)) - self.lowest
        # It may lie beyond all nodes.
        self.goal_place = float(at_goal) / step
        self.goal = ceil(self.goal_place)
        if not self.days_needed:
            x = x[: max(self.goal, self.today + 1)]
        self.nodes = x.size
        self.equity = self.to_equity(x)
        self._lay_layers()

    @property
    def is_daily(self) -> bool:
        """Whether each trade has its day: it begins at the opening, nowhere else.

        Then each node is an opening, and the only one of its row.
        """
        question = self.question
        return (
            question.rules.daily_loss is not None
            and not question.rules.moves
            and question.trades_per_day == 1
            and question.opening == question.equity
        )

    @property
    def at_jump(self) -> Indices:
        """The nodes next to the goal: with days enough values jump there."""
        nodes = np.array([self.goal - 1, self.goal])
        return nodes[(nodes >= 0) & (nodes < self.nodes)]

    def to_equity(self, x: NDArray[Any]) -> Floats:
        return np.asarray(x if self.question.of_start else np.exp(x))

    def to_x(self, equity: Floats) -> Floats:
        if self.question.of_start:
            return np.asarray(equity)
        return np.log(np.maximum(equity, 1e-300))

    def _lay_layers(self) -> None:
        rules, question = self.question.rules, self.question
        high_now = np.array([question.high_water])
        base = int(self._node_at(question.high_water))
        self.high_nodes = np.array([base])
        self.locked = False
        # A whole number of layers from the first floor to today.
        first = int(np.searchsorted(self.equity, rules.floor(high_now)[0] + TOUCH))
        way = max(self.today - first, 1)
        apart = way / max(round(way / self.stride), 1)
        if rules.moves:
            lock = int(np.searchsorted(self.equity, rules.locked_from - TOUCH))
            # A soft fall is measured from the high water beyond the lock, too.
            self.locked = lock < self.nodes and rules.soft_drawdown is None
            last = max(lock if self.locked else self.nodes - 1, base)
            between = np.rint(np.arange(base, last, apart)).astype(np.intp)
            at_jump = self.at_jump[(self.at_jump > base) & (self.at_jump < last)]
            self.high_nodes = np.unique(np.concatenate([between, [last], at_jump]))
        self.high = self.equity[self.high_nodes]
        self.high[0] = question.high_water
        opened = int(self._node_at(question.opening, nearest=True))
        self.opening_nodes = np.array([opened])
        if rules.daily_loss is not None:
            # Just above each floor is one: the value falls off there.
            above = np.searchsorted(
                self.equity, rules.floor(self.high) + TOUCH, side="right"
            )
            every = 1 if self.is_daily else self.opened_every
            apart = way / max(round(way / every), 1)
            between = np.rint(np.arange(first, self.nodes - 1, apart)).astype(np.intp)
            if every == 1:
                between = np.arange(self.nodes)
            single = [0, self.today, opened, self.nodes - 1, *self.at_jump]
            laid = np.concatenate([above[above < self.nodes], between, single])
            self.opening_nodes = np.unique(laid)
        self.opened = int(np.searchsorted(self.opening_nodes, opened))
        self.openings = self.equity[self.opening_nodes]
        self.openings[self.opened] = question.opening
        floors = rules.floor(self.high)[:, None]
        daily = rules.daily_floor(self.openings)[None, :]
        self.hard = np.broadcast_to(floors, (self.high.size, self.openings.size))
        self.daily = np.broadcast_to(daily, self.hard.shape)
        self._pair_up()
        nearest = np.maximum(floors, daily) + TOUCH
        first_node = np.searchsorted(self.equity, nearest, side="right")
        last_node = np.full(first_node.shape, self.nodes - 1)
        margin = self.stride if rules.daily_loss is not None else 0
        if rules.trails:
            highest = self.high_nodes + margin
            if self.locked:
                highest[-1] = self.nodes
            last_node = np.minimum(last_node, highest[:, None])
        if rules.daily_loss is not None:
            best = float(question.steps(question.factors[-1:]).max())
            rise = ceil(max(best, 0.0) * question.trades_per_day / self.step)
            reach = np.maximum(self.opening_nodes[None, :] + rise + 1, self.today)
            last_node = np.minimum(last_node, reach)
        if self.is_daily:
            first_node = np.broadcast_to(self.opening_nodes, first_node.shape)
            last_node = first_node
        self.first = np.minimum(first_node, self.nodes - 1)[self.pairs]
        self.width = max(int((last_node[self.pairs] - self.first).max()) + 1, 1)
        self.layers = self.first.size

    def _pair_up(self) -> None:
        """Which high waters and openings make a layer, and which one stands for others.

        A day does not open above the high water, nor at the floor; but what is read
        between layers is read from some beyond.
        """
        below_high = np.append(self.high_nodes[BEYOND:], np.full(BEYOND, self.nodes))
        pairs = self.opening_nodes <= below_high[: self.high.size, None]
        beyond = np.append(self.openings[BEYOND:], np.full(BEYOND, np.inf))
        pairs &= beyond[: self.openings.size] > self.hard
        pairs[0, self.opened] = True
        pairs |= ~pairs.any(axis=1, keepdims=True)
        self.pairs = pairs
        # Of the others, in a row those at the floor, in a column those above.
        layer = np.where(pairs, np.cumsum(pairs).reshape(pairs.shape) - 1, -1)
        for row, lowest in zip(layer, pairs.argmax(axis=1), strict=True):
            row[:lowest] = row[lowest]
        for row, higher in zip(layer[-2::-1], layer[:0:-1], strict=True):
            np.copyto(row, higher, where=row < 0)
        self.layer = layer

    def _node_at(self, equity: float, *, nearest: bool = False) -> float:
        """The last node not above it, or the nearest; of those there are."""
        place = (float(self.to_x(np.array(equity))) - self.lowest) / self.step
        return min(max(floor(place + (0.5 if nearest else WHOLE)), 0), self.nodes - 1)

    @cached_property
    def stop(self) -> Floats:
        """Where a challenge breaches, by layer; (layers,)."""
        stop = self.hard[self.pairs]
        if self.question.rules.daily_on_breach == "fail":
            stop = np.maximum(stop, self.daily[self.pairs])
        return np.asarray(stop)

    @property
    def size(self) -> int:
        return (2 * self.blocks - 1) * self.layers * self.width

    def place(
        self, block: Indices, high: Indices, opening: Indices, node: Indices
    ) -> Indices:
        """Where a state is in all rows laid end to end; held at its row's ends."""
        layer = self.layer[high, opening]
        column = np.clip(node - self.first[layer], 0, self.width - 1)
        return np.asarray((block * self.layers + layer) * self.width + column)

    @property
    def place_now(self) -> int:
        """Where the start is in all rows."""
        block = self.days_needed + 1 if self.days_needed else 0
        return int(self.place(*np.array([block, 0, self.opened, self.today])))

    @cached_property
    def axes(self) -> tuple[Indices, Indices]:
        """High water and opening of each layer, shape (layers, 1)."""
        high, opening = np.nonzero(self.pairs)
        return high[:, None], opening[:, None]

    def nodes_of_rows(self, below: int, above: int) -> Indices:
        """The nodes of each layer's row and so many next to it, (layers, …)."""
        return self.first[:, None] + np.arange(-below, self.width + above)

    @cached_property
    def seen(self) -> Seen:
        """All states of a block; (layers, width)."""
        node = self.nodes_of_rows(0, 0)
        high, opening = self.axes
        equity = self.to_equity(self.lowest + self.step * node)
        water = np.broadcast_to(self.high[high], equity.shape)
        if self.question.rules.trails:
            water = np.maximum(water, equity)
        opened = np.broadcast_to(self.openings[opening], equity.shape)
        return Seen(self.question, equity, opened, water, np.zeros(equity.shape))

    @cached_property
    def cap(self) -> Floats:
        """The largest factor that soft fall and headroom allow; (layers, width)."""
        return self.seen.cap

    @cached_property
    def fades(self) -> Flags:
        """Whether headroom leaves nothing to win just above the hard floor; (layers,).

        Without a deadline what is left there costs its days.
        """
        if self.question.rules.headroom_share is None or self.question.days is None:
            return np.zeros(self.layers, dtype=bool)
        return np.asarray((self.hard >= self.daily)[self.pairs])

    @cached_property
    def at_new_high(self) -> Reader:
        """Values of traded blocks at equity = high water; (blocks, openings, nodes)."""
        block, opening, node = np.ogrid[
            : self.blocks, : self.opening_nodes.size, : self.nodes
        ]
        ways, weights = around(self.high_nodes, node, self.goal)
        beyond = node >= self.high_nodes[-1]
        places = [
            self.place(
                block,
                np.where(beyond, self.high.size - 1, way),
                opening,
                np.where(beyond, node, self.high_nodes[way]),
            )
            for way in ways
        ]
        return Reader(places, weights)

    @cached_property
    def of_mornings(self) -> Reader:
        """Values at a day's start, of all states; (days traded, high waters, nodes)."""
        days, high, node = np.ogrid[: self.blocks, : self.high.size, : self.nodes]
        needed, rules = self.days_needed, self.question.rules
        block = np.where(days < needed, needed + 1 + days, days)
        if self.opening_nodes.size == 1:
            return Reader([self.place(block, high, np.zeros_like(node), node)], [])
        # At the floor there is no opening.
        floors = self.hard[:, 0] + TOUCH
        first = np.searchsorted(self.openings, floors, side="right")[high]
        # More factors are allowed from there on.
        jump = rules.is_soft(self.high[:, None], self.equity).sum(axis=1)[high]
        ways, weights = around(
            self.opening_nodes, node + 0 * high, self.goal, first, jump
        )
        places = [self.place(block, high, way, self.opening_nodes[way]) for way in ways]
        return Reader(places, weights)

    @cached_property
    def of_raised_mornings(self) -> Reader:
        """The same at equity = high water, from them; (days traded, nodes)."""
        days, node = np.ogrid[: self.blocks, : self.nodes]
        ways, weights = around(self.high_nodes, node, self.goal)
        beyond = node >= self.high_nodes[-1]
        last, base = self.high.size - 1, days * self.high.size
        places = [
            (base + np.where(beyond, last, way)) * self.nodes
            + np.where(beyond, node, self.high_nodes[way])
            for way in ways
        ]
        return Reader(places, weights)

    @cached_property
    def _offsets(self) -> tuple[int, int, int, int]:
        """Where new highs, mornings, raised mornings and ends begin in a pool."""
        new_high = self.blocks * self.layers * self.width
        highs = self.at_new_high.places[0].size if self.question.rules.trails else 0
        morning = new_high + highs
        raised = morning + self.blocks * self.high.size * self.nodes
        return new_high, morning, raised, raised + self.blocks * self.nodes

    def near(
        self, seen: Seen, traded_today: Flags, *, layer_below: bool, node_below: bool
    ) -> tuple[Indices, Seen]:
        """States of the grid near to these: where they are in all rows, and what.

        The nearest layer, or the one below; in it the node with nearly the same way to
        the nearest floor, or below that.
        """
        rules, opening = self.question.rules, np.zeros(seen.equity.shape, dtype=np.intp)
        high = np.zeros_like(opening)
        if rules.moves:
            high = nearest_level(self.high, seen.high_water, below=layer_below)
            if self.locked:
                at_lock = seen.high_water >= rules.locked_from - TOUCH
                high = np.where(at_lock, self.high.size - 1, high)
        levels = self.openings
        if rules.daily_loss is not None:
            opening = nearest_level(levels, seen.opening, below=layer_below)
        layer = self.layer[high, opening]
        high, opening = (axis[layer, 0] for axis in self.axes)
        floor, here = self.hard[high, opening], seen.floor
        if rules.daily_on_breach == "fail":
            floor = np.maximum(floor, self.daily[high, opening])
            here = np.maximum(here, seen.daily_floor)
        x = self.to_x(seen.equity) - self.to_x(here) + self.to_x(floor)
        place = (x - self.lowest) / self.step + (WHOLE if node_below else 0.5)
        least = self.first[layer]
        days = np.minimum(seen.days_traded.astype(np.intp), self.days_needed)
        # At the goal there is nothing to choose, once there are days enough.
        most = np.where(days < self.days_needed, self.nodes, self.goal) - 1
        most = np.minimum(most, least + self.width - 1)
        node = np.clip(np.floor(place), least, most).astype(np.intp)
        without = (days < self.days_needed) & ~traded_today
        block = np.where(without, self.days_needed + 1 + days, days)
        equity = self.to_equity(self.lowest + self.step * node)
        opened = levels[opening] if rules.daily_loss is not None else seen.opening
        at_node = Seen(self.question, equity, opened, self.high[high], seen.days_traded)
        return self.place(block, high, opening, node), at_node

    def between(self, seen: Seen) -> list[tuple[Indices, Floats]]:
        """States around these and their weights, of blocks that have days enough.

        Between nodes, and between layers, by lines; a corner that its layer has no node
        for counts for nothing.
        """
        rules = self.question.rules
        place = (self.to_x(seen.equity) - self.lowest) / self.step
        below = np.clip(np.floor(place + WHOLE), 0, self.nodes - 1)
        share = np.clip(place - below, 0.0, 1.0)
        below = below.astype(np.intp)
        nodes = [(below, 1 - share), (np.minimum(below + 1, self.nodes - 1), share)]
        one = [(np.zeros_like(below), np.ones(below.shape))]
        highs = around_line(self.high, seen.high_water) if rules.moves else one
        opened = one
        if rules.daily_loss is not None:
            opened = around_line(self.openings, seen.opening)
        found = []
        for high, of_high in highs:
            for opening, of_opening in opened:
                first = self.first[self.layer[high, opening]]
                for node, of_node in nodes:
                    has = (node >= first) & (node < first + self.width)
                    where = self.place(
                        np.full_like(node, self.days_needed), high, opening, node
                    )
                    found.append((where, of_high * of_opening * of_node * has))
        return found

    def read(self, table: NDArray[Any], seen: Seen) -> Floats:
        """A table's values, (…, states), at these states; 0 where it has none near."""
        corners = self.between(seen)
        total = np.sum([table[..., place] * weight for place, weight in corners], 0)
        weights = np.sum([weight for _, weight in corners], 0)
        return np.asarray(total / np.maximum(weights, TOUCH))

    def evening(self, days: Indices, high: Indices, node: Indices) -> Indices:
        """Where in a pool a day leads to that ends there."""
        _, morning, raised, ends = self._offsets
        held = np.clip(node, 0, self.nodes - 1)
        place = morning + (days * self.high.size + high) * self.nodes + held
        if self.question.rules.drawdown_mode == "end_of_day":
            rises = held > self.high_nodes[high]
            place = np.where(rises, raised + days * self.nodes + held, place)
        passes = (node >= self.goal) & (days >= self.days_needed)
        return np.where(passes, ends, place)

    @cached_property
    def evenings(self) -> tuple[Indices, Indices]:
        """The same of all states: of traded blocks, and of the others."""
        high, _ = self.axes
        node = self.nodes_of_rows(0, 0)
        days = np.arange(self.blocks)[:, None, None]
        traded = self.evening(np.minimum(days + 1, self.days_needed), high, node)
        return traded, self.evening(days[:-1], high, node)

    def landings(self, below: int, above: int) -> Indices:
        """Where in a pool a trade leads to that ends at each node around a row.

        Shape (blocks · layers, below + width + above).
        """
        rules = self.question.rules
        new_high, _, _, ends = self._offsets
        high, opening = self.axes
        node = self.nodes_of_rows(below, above)
        held = np.clip(node, 0, self.nodes - 1)
        equity = self.to_equity(self.lowest + self.step * node)
        days = np.arange(self.blocks)[:, None, None]
        to = self.place(days, high, opening, node)
        if self.is_daily:
            to = self.evening(np.minimum(days + 1, self.days_needed), high, node)
        elif rules.trails:
            rises = node > self.high_nodes[high]
            if self.locked:
                rises &= high < self.high.size - 1
            layer = days * self.opening_nodes.size + opening
            to = np.where(rises, new_high + layer * self.nodes + held, to)
        halted = equity <= self.daily[high, opening] + TOUCH
        breached = equity <= self.hard[high, opening] + TOUCH
        if rules.daily_on_breach == "fail":
            breached |= halted
        else:
            ended = self.evening(np.minimum(days + 1, self.days_needed), high, node)
            to = np.where(halted, ended, to)
        to = np.where(breached, ends + 1, to)
        passes = (node >= self.goal) & (days >= self.days_needed)
        return np.where(passes, ends, to).reshape(-1, node.shape[1])

    def pool(
        self, values: Floats, mornings: Floats, ends: tuple[float, float]
    ) -> Floats:
        """All that a trade may lead to: what follows it, and the ends."""
        parts = [values[: self.blocks * self.layers * self.width]]
        if self.question.rules.trails:
            parts.append(self.at_new_high(values).ravel())
        return np.concatenate([*parts, mornings, ends])

    def mornings(self, values: Floats) -> Floats:
        """The part of a pool that a day's first values make."""
        morning = self.of_mornings(values).ravel()
        return np.concatenate([morning, self.of_raised_mornings(morning).ravel()])
