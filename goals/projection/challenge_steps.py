"""One trade on the grid of a challenge: what is expected after it. Pure.

Between nodes values are read by linear interpolation, which keeps the mean and the
variance of a step (`land`). In the cells that hold the goal and the floor a step counts
as reaching them if it does, exactly, and else as ending on the node on this side. Where
a step stands for several trades, goal and floor count as nearer by `drawn`.
"""

from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from goals.projection.challenge_grid import States
from goals.projection.challenge_rules import TOUCH
from goals.projection.grid import Grid
from goals.projection.grouping import Step
from goals.projection.stencils import MOST_PRODUCT, Landing, land
from goals.projection.types import Floats, Indices

Choices: TypeAlias = NDArray[np.int8]
Number = TypeVar("Number", np.float64, np.int8)
# Factors whose values are closer than this are equally good.
TIE = 1e-9
# As many numbers of a product take as long as an outcome that is read by itself.
A_READING = 16
# Columns of a row that one product gives.
BLOCK = 32
# What reaches a level but for this share of a cell is at it.
AT = 1e-9
# A cap no farther above a factor is that factor; to so many places it is rounded.
CAP_APART, CAP_PLACES = 1e-5, 6
# A correction that is smaller is none.
NOTHING = 1e-15


class Trade:
    """A step at each of some factors from all states of traded blocks.

    `to` are the places in a pool around each row, `below` nodes before its first one.
    """

    def __init__(self, states: States, factors: Floats, step: Step) -> None:
        self.states, self.factors = states, factors
        question = states.question
        self.chances = step.outcomes.probabilities
        self.grid = Grid(
            states.lowest, states.step, states.nodes, states.today, 0.0, None
        )
        moves = question.steps(factors, step.outcomes)
        self.landing = land(moves, self.chances, self.grid)
        self.below = int(max(-self.landing.cells.min(), 0)) + 1
        self.above = int(max(self.landing.cells.max(), 0)) + 1
        self.block = min(BLOCK, states.width)
        self.blocks = -(-states.width // self.block)
        self.spare = self.blocks * self.block - states.width
        self.to = states.landings(self.below, self.above + self.spare)
        self.nearer = step.drawn / states.step
        self.floor = (states.to_x(states.stop + TOUCH) - states.lowest) / states.step

    def around(self, pool: Floats) -> Floats:
        """What lies around each row, (rows, below + width + above and spare)."""
        return pool.take(self.to)

    @cached_property
    def weights(self) -> Floats:
        """Band matrix: what lies around a block of columns → the block, by factor."""
        window = self.below + self.above + 1
        by_factor = np.zeros((window, self.factors.size))
        which = np.arange(self.factors.size)[:, None]
        cells, share = self.landing.cells + self.below, self.landing.share
        np.add.at(by_factor, (cells, which), self.chances * (1 - share))
        np.add.at(by_factor, (cells + 1, which), self.chances * share)
        band = np.zeros((self.block + window - 1, self.factors.size, self.block))
        for column in range(self.block):
            band[column : column + window, :, column] = by_factor
        return band.reshape(len(band), -1)

    def expect(self, around: Floats, ends: tuple[float, float]) -> Floats:
        """Expected values of a pass and a breach, (rows · blocks, factors, block)."""
        expected = self._add_up(around) if self.is_few else self._multiply(around)
        flat = around.reshape(-1)
        for (place, side, coefficient), end in zip(self.corrections, ends, strict=True):
            # A place may have several, at several cells.
            wrong = coefficient * (end - flat.take(side))
            np.add.at(expected.reshape(-1), place, wrong)
        return expected.reshape(-1, self.factors.size, self.block)

    @property
    def is_few(self) -> bool:
        """Whether outcomes are so few that they are quicker by themselves."""
        return self.below + self.above + 1 > A_READING * self.chances.size

    def _multiply(self, around: Floats) -> Floats:
        rows, wide = around.shape
        size = around.itemsize
        shape = rows, self.blocks, self.weights.shape[0]
        parts = as_strided(around, shape, (wide * size, self.block * size, size))
        parts = parts.reshape(-1, shape[2])
        expected = np.empty((len(parts), self.weights.shape[1]))
        some = max(MOST_PRODUCT // self.weights.size, 1)
        for begin in range(0, len(parts), some):
            part = slice(begin, begin + some)
            np.matmul(parts[part], self.weights, out=expected[part])
        return expected

    def _add_up(self, around: Floats) -> Floats:
        rows, wide = len(around), self.blocks * self.block
        expected = np.empty((rows, self.blocks, self.factors.size, self.block))
        total, part = np.empty((rows, wide)), np.empty((rows, wide))
        cells, share = self.landing.cells + self.below, self.landing.share
        for factor in range(self.factors.size):
            total[:] = 0.0
            for outcome, chance in enumerate(self.chances.tolist()):
                cell, over = cells[factor, outcome], float(share[factor, outcome])
                for first, weight in ((cell, 1 - over), (cell + 1, over)):
                    if weight:
                        seen = around[:, first : first + wide]
                        np.multiply(seen, chance * weight, out=part)
                        total += part
            expected[:, :, factor] = total.reshape(rows, self.blocks, self.block)
        return expected.reshape(rows * self.blocks, -1)

    def choose(self, expected: Floats, forbidden: Indices) -> tuple[Floats, Choices]:
        """The best of these, and which (1 …); of equal ones the first."""
        expected.reshape(-1)[forbidden] = -np.inf
        best = expected.max(axis=1)
        first = np.arange(self.factors.size, 0, -1, dtype=np.int8)[:, None]
        equal = (expected >= best[:, None] - TIE) * first
        chosen = self.factors.size + 1 - equal.max(axis=1)
        return self.by_row(best), self.by_row(chosen.astype(np.int8))

    def take(self, expected: Floats, chosen: Choices) -> Floats:
        """Those of the chosen factors, (rows, width)."""
        wide = np.pad(chosen, ((0, 0), (0, self.spare)), constant_values=1)
        which = wide.reshape(-1, 1, self.block).astype(np.intp) - 1
        return self.by_row(np.take_along_axis(expected, which, axis=1))

    def by_row(self, values: NDArray[Number]) -> NDArray[Number]:
        rows = values.reshape(-1, self.blocks * self.block)
        return rows[:, : self.states.width]

    def forbid(self, most: Indices) -> Indices:
        """Where in expected values are more than so many factors, (rows, width)."""
        row, column, factor = np.nonzero(
            most[:, :, None] <= np.arange(self.factors.size)
        )
        return self._place(row, column, factor)

    def _place(self, row: Indices, column: Indices, factor: Indices) -> Indices:
        block = row * self.blocks + column // self.block
        return (block * self.factors.size + factor) * self.block + column % self.block

    @cached_property
    def corrections(self) -> tuple[tuple[Indices, Indices, Floats], ...]:
        """What is read wrongly near the goal and the floor, for `ends` in that order.

        Each: places in expected values, places around rows whose value counts, and how
        much of the end's difference to it.
        """
        states, landing = self.states, self.landing
        goal = np.full(self.floor.shape, states.goal_place)
        drawn = self.nearer * self.factors
        # A trailing floor follows highs between the trades of a step, too.
        trailing = 1 + states.question.rules.trails
        mirrored = Landing(-1 - landing.cells, 1 - landing.share, -landing.exact)
        return (
            self._correct(landing, goal, 1, drawn),
            self._correct(mirrored, -self.floor, -1, drawn * trailing),
        )

    def _correct(
        self, landing: Landing, level: Floats, side: int, drawn: Floats
    ) -> tuple[Indices, Indices, Floats]:
        """Upwards (side 1), or mirrored: nodes count downwards then."""
        states = self.states
        first = states.first.reshape(-1)
        # The last node before the end, and how far beyond it that is.
        last = np.ceil(level).astype(np.intp) - 1
        cells = int(np.ceil(drawn.max())) + 1
        back = np.arange(cells)[:, None, None, None]
        from_node = last[:, None, None] - landing.cells - back
        column = side * from_node - first[:, None, None]
        near = np.broadcast_to(drawn[:, None], landing.cells.shape)
        reach = from_node + landing.exact
        touches = reach >= level[:, None, None] - near - AT
        inside = (column >= 0) & (column < states.width) & (touches | (back == 0))
        cell, row, factor, outcome = np.nonzero(inside)
        at = cell, row, factor, outcome
        share, chance = landing.share[factor, outcome], self.chances[outcome]
        on_last = cell == 0
        lower = chance * np.where(on_last, touches[at] - share, 1 - share)
        further = ~on_last
        place = self._place(row, column[at], factor)
        node = side * (last[row] - cell) - first[row] + self.below
        # Of a cell before the last one the node after it, too.
        place = np.concatenate([place, place[further]])
        node = np.concatenate([node, node[further] + side])
        row = np.concatenate([row, row[further]])
        lower = np.concatenate([lower, (chance * share)[further]])
        used = np.abs(lower) > NOTHING
        place, node, row, lower = place[used], node[used], row[used], lower[used]
        wide = self.to.shape[1]
        node = np.clip(node, 0, wide - 1)
        blocks = [states.blocks - 1] if side > 0 else list(range(states.blocks))
        a_block = first.size * self.blocks * self.factors.size * self.block
        return (
            np.concatenate([place + block * a_block for block in blocks]),
            np.concatenate(
                [(block * first.size + row) * wide + node for block in blocks]
            ),
            np.tile(lower, len(blocks)),
        )


class Given:
    """A step at given factors, one for each state; `around` as that of the `Trade`."""

    def __init__(
        self,
        trade: Trade,
        step: Step,
        factors: Floats,
        places: int,
        where: Indices | None = None,
    ) -> None:
        """`factors`, at most the trade's largest; they are rounded.

        Of the states at `where` in all rows laid end to end; None: of all, (rows,
        width).
        """
        states, question = trade.states, trade.states.question
        given = factors.ravel()
        rounded = np.round(given, places)
        known, which = np.unique(rounded, return_inverse=True)
        landing = land(question.steps(known, step.outcomes), trade.chances, trade.grid)
        at = np.arange(rounded.size) if where is None else where
        row, column = np.divmod(at[:, None], states.width)
        block, layer = np.divmod(row, states.layers)
        first, floor = states.first.reshape(-1)[layer], trade.floor[layer]
        # With days missing the goal is no end.
        has_days = block == states.days_needed
        goal = np.where(has_days, states.goal_place, np.inf)
        node = first + column
        reach = node + landing.exact.take(which, axis=0)
        place = node + landing.cells.take(which, axis=0)
        share = landing.share.take(which, axis=0)
        # In the cells of the ends: the node on this side.
        share[place == np.ceil(goal) - 1] = 0.0
        in_floor = place == np.floor(floor)
        share[in_floor] = 0.0
        wide = trade.to.shape[1]
        place = place + in_floor - first + trade.below
        place = np.clip(place, 0, wide - 2) + row * wide
        near = step.drawn * given[:, None]
        moves = (given > 0)[:, None]
        # Exactly where it leads, as a walk does: a cap may end on the floor itself.
        equity = states.to_equity(states.lowest + states.step * node)
        of = 1.0 if question.of_start else equity
        drawn = step.outcomes.base_risk * step.outcomes.values
        after = equity + given[:, None] * of * drawn
        ends = len(trade.to) * wide
        at_goal = after * np.exp(near) >= question.goal - TOUCH
        place[at_goal & has_days & moves] = ends
        trailing = 1 + question.rules.trails
        stop = states.stop[layer]
        place[(after <= stop * np.exp(near * trailing) + TOUCH) & moves] = ends + 1
        share[place >= ends] = 0.0
        self.place, self.share, self.chances = place, share, trade.chances
        # Under headroom nothing is left to win just above the floor, where all that
        # may be risked is nothing: in its cell the node on this side counts by a line.
        near_floor = in_floor & (place < ends) & states.fades[layer] & (floor < goal)
        state, outcome = np.nonzero(near_floor)
        way = (np.floor(floor) + 1 - floor)[state, 0]
        short = 1 - (reach - floor)[near_floor] / way
        lost = trade.chances[outcome] * np.clip(short, 0.0, 1.0)
        self.at_floor = state, place[near_floor], lost

    def expect(self, around: Floats, ends: tuple[float, float]) -> Floats:
        """Expected values of all its states."""
        flat = np.concatenate([around.reshape(-1), ends, [0.0]])
        read = (flat[1:] - flat[:-1]).take(self.place)
        read *= self.share
        read += flat.take(self.place)
        expected = np.asarray(read @ self.chances)
        state, place, lost = self.at_floor
        expected -= np.bincount(state, lost * flat.take(place), expected.size)
        return expected


class Allowed:
    """The factors that guards allow at each state: those up to its cap, and the cap.

    A factor above the cap is lowered to it: of these the first one stands for all. A
    cap next to one that is allowed anyhow is none.
    """

    def __init__(self, trade: Trade, step: Step, most_now: float = np.inf) -> None:
        """`most_now` is a cap of now, next to the states' own."""
        states = trade.states
        cap = np.tile(np.minimum(states.cap, most_now), (states.blocks, 1))
        factors = np.append(0.0, trade.factors)
        most = np.searchsorted(trade.factors, cap + TOUCH, side="right")
        self.forbidden = trade.forbid(most)
        lowers = (cap > factors[most] + CAP_APART) & (cap < trade.factors[-1])
        self.row, self.column = np.nonzero(lowers)
        self.choice = (most[lowers] + 1).astype(np.int8)
        where = self.row * states.width + self.column
        self.given = Given(trade, step, cap[lowers], CAP_PLACES, where)
