"""Ways in: each takes deliveries at its source and acknowledges there only after they are stored."""
