"""Trying a diagram on the real engine with nothing leaving the machine."""
