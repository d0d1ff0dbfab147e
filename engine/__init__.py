"""Carries process instances through their diagrams."""
