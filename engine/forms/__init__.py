"""Forms of user tasks: read, checked, answered."""
