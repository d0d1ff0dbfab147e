"""Turns what arrives into parcels, and pages into index fields."""
