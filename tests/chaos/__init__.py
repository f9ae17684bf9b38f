"""The proof: workers, children and servers are killed, stopped and starved, and what was accepted is counted."""
