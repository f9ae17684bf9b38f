"""Small systems to run and to read."""
