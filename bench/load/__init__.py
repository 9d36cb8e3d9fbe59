"""The whole site under load: bots, pages and jobs together, on loopback.

    python -m bench.load                             everything; about half an hour
    python -m bench.load --seconds 3 --trades 10000  shorter
    python -m bench.load --write docs/scale.md       and put the tables there

Real processes on a PostgreSQL of the run's own (`bench.scratch`): gunicorn and
`manage.py work`, as `python -m mastertrade.serve` starts them. What asks them is a
process on the same cores, at a rate that is given: a request that is answered late does
not make the next one come later.

    seeding   users, portfolios and trades in bulk
    site      the processes
    bots      what a bot asks in a turn, and turns at a rate
    costs     statements and WAL of one request, with nothing next to it
    queue     jobs a second by some workers; CPU of the daily run
    stages    which loads are measured, one after the other
    report    the tables
"""
