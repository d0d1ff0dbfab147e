"""Runs foreign programs and parsers in children with limits."""
