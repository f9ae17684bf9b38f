"""Groups of commands, each of which looks at one thing or changes it, and ends."""
