"""What changes portfolios, goals and their logs. One call, one transaction.

Locks are taken in one order everywhere: portfolio, then trade, then goals by key.
"""
