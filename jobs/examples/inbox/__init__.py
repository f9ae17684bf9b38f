"""The inbox: messages of many contacts are stored before anybody is told so, and handled in each contact's order."""
