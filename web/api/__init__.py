"""The REST interface, version 1, under /api/v1."""
