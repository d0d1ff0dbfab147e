"""The demonstration: orders made anew from a seed, and people who carry them from arrival to archive."""
