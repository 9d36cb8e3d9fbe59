"""Benchmarks: each figure next to its floor, measured in the same run.

    python -m bench                              every row
    python -m bench sizing close_trade           some of them
    python -m bench --write docs/benchmarks.md   and put the table there

A floor is the least that the same work could cost: the same SQL without the layers
around it, one statement instead of several. Only ratios are compared with a target,
because both sides run on the same machine, one after the other in turn; what is shown
is the median.

The server is a PostgreSQL of the run's own in a temporary directory, with fsync on as
in production, or the empty database that BENCH_DATABASE_URL names. Neither `var/` nor
DATABASE_URL is touched.

One module a topic, each with `measure() -> Iterator[Row]`:

    sizing       a sizing request through gunicorn, against a bare view; its memory
    close_trade  the service against raw psycopg, and against one statement
    alerts       closing with an alert, against closing without
    history      closing after 100,000 trades, against after 100
    import_trades  1,000,000 trades from a file, against COPY of the finished rows
    snapshot     100,000 goals, against one INSERT … SELECT
    bands        how often the band of a probability holds the true one
    dependence   what it costs to draw trades as if independent
    replay       bars a second, against recorded answers
    memory       of the four flows' test process
"""
