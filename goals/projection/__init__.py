"""Projection: what a goal may come to, in probabilities. Pure."""
