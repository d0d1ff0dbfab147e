"""What the service tasks of a diagram can do, by name."""
