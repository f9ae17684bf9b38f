"""The line as a picture: who puts work in, Redis, the queues, the workers, and where it is broken."""

from web.picture.draw import draw
from web.picture.plan import Link, Node, Plan, plan

__all__ = ["Link", "Node", "Plan", "draw", "plan"]
