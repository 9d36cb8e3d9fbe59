"""Goal-oriented trading: how large, and with which strategy, for a goal."""

__version__ = "0.1.0"
