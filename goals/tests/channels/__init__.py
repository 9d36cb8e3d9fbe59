"""Channels against real receivers."""
