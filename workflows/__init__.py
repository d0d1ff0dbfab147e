"""Data: diagrams, decision tables, forms and letters; one folder per process."""
