"""Telling the truth: who is there, what they see, and what is wrong with it."""
