"""How people and programs reach the system."""
