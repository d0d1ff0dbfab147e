"""Remembers: database and document store."""
