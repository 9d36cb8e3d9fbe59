"""Trades and the decisions before them: the one layer that knows all three apps.

One call, one transaction; locks in one order: portfolio, then trade, then goals.
"""
