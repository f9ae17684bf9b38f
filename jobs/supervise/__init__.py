"""Staying alive: what a process owes its parent, and when a dead one is started again."""
