"""HTTP: portfolios, cash flows, goals, their logs, and tokens."""
