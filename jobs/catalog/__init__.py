"""Jobs listed and searched, looked at one by one, and acted upon. To look changes nothing, and reads no arguments.

Dead letters are those in the states ``DEAD``; there is no other way to list them.
"""

from jobs.catalog.actions import ACTIONS, STEPS, Action, Count, Done, act, act_on_all, count, kept, stop
from jobs.catalog.dependence import Awaited
from jobs.catalog.detail import Detail, Event, Neighbours, detail
from jobs.catalog.filter import ANY, Filter, moment, states_of
from jobs.catalog.groups import Group, Groups, groups
from jobs.catalog.pages import Page, matching, one, page
from jobs.catalog.states import DEAD, OVER, STATES, WAITS, State
from jobs.catalog.summary import Summary
from jobs.catalog.tasknames import NAMELESS, Title, titles

__all__ = [
    "ACTIONS",
    "ANY",
    "DEAD",
    "NAMELESS",
    "OVER",
    "STATES",
    "STEPS",
    "WAITS",
    "Action",
    "Awaited",
    "Count",
    "Detail",
    "Done",
    "Event",
    "Filter",
    "Group",
    "Groups",
    "Neighbours",
    "Page",
    "State",
    "Summary",
    "Title",
    "act",
    "act_on_all",
    "count",
    "detail",
    "groups",
    "kept",
    "matching",
    "moment",
    "one",
    "page",
    "states_of",
    "stop",
    "titles",
]
