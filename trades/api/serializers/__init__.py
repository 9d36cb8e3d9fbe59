"""Request bodies and answers of trades, positions and decisions."""
