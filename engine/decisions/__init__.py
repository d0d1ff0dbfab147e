"""Decision tables and literal decisions (DMN): read, compiled, worked out, edited."""
