"""HTTP: trades, positions, and the decisions before them."""
