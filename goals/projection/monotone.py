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
    best = sums[-1].copy()
    # What there is before a factor, beside that factor from the first node on.
    leads = np.empty((count - 1, nodes + 1))
    highest = np.empty_like(leads)
    for factor in range(count - 2, -1, -1):
        np.subtract(best, sums[factor], out=leads[factor])
        np.maximum.accumulate(leads[factor], out=highest[factor])
        np.add(highest[factor], sums[factor], out=best)
    # Where going on to a factor is as good as it gets; it is done at the last of them.
    good = leads == highest
    chosen = np.empty(nodes, dtype=np.intp)
    end = nodes
    for factor in range(count - 1):
        begin = end - int(good[factor, end::-1].argmax())
        chosen[begin:end] = factor
        end = begin
    chosen[:end] = count - 1
    return chosen
