"""The floor of the sizing request: a view that only runs the same statements."""
