"""Doing work: a keeper that never runs user code, and children that do."""
