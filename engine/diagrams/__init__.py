"""Diagrams: read safely, check, rewrite into what can run, describe in words."""
