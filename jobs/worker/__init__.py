"""Doing work: RQ's forking worker on our connection factory, with the allowlist and lanes."""
