"""Four loops of a worker that talks to a remote service, and all that can go wrong with them."""
