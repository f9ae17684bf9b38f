"""One container, all parts: the combo launcher, and the guardian of the local Redis server."""
