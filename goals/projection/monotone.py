"""The best factors that never grow with progress, at one time. Pure."""

import numpy as np

from goals.projection.types import Floats, Indices


def choose_monotone(expected: Floats) -> Indices:
    """Choose a factor for each node so that it never grows from node to node.

    `expected` has shape (factors, nodes), factors ascending and nodes by progress; the
    sum of the chosen values is the largest there is, so nodes count by how the caller
    weighs their values. This is a dynamic program over the nodes. `best[n]` is the
    largest sum over the first n nodes with the factors so far (the largest ones) alone;
    going on to the next smaller factor at some node k adds what it makes behind k,
    which is a running maximum instead of a loop over nodes.
    """
    count, nodes = expected.shape
    single: Indices = np.argmax(expected, axis=0)
    if (single[1:] <= single[:-1]).all():
        return single
    sums = np.zeros((count, nodes + 1))
    np.cumsum(expected, axis=1, out=sums[:, 1:])
    best = sums[-1]
    # From which node on a factor is used, for each last node.
    since = np.zeros((count, nodes + 1), dtype=np.intp)
    places = np.arange(nodes + 1)
    for factor in range(count - 2, -1, -1):
        lead = best - sums[factor]
        highest = np.maximum.accumulate(lead)
        first = np.where(lead == highest, places, 0)
        np.maximum.accumulate(first, out=since[factor])
        best = highest + sums[factor]
    chosen = np.empty(nodes, dtype=np.intp)
    end = nodes
    for factor in range(count):
        begin = int(since[factor, end]) if factor < count - 1 else 0
        chosen[begin:end] = factor
        end = begin
    return chosen
