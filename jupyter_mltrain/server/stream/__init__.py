"""What changes, as it changes: one WebSocket for each front end, one source for each topic.

::

    handler      the WebSocket: who may open it, what a client sends
    connection   what one client follows, and one writer that is never ahead of its socket
    hub          topics by name, one watch for each backend, one feed for each job that is looked at
    topic        what all topics share: versions, subscribers, messages made once for clients in step
    jobs · job · notebook · metrics · log · images        the topics
    table        rows of all jobs           feed      one job's newest status
    builds       images that are built      pulse     how one task tells others that something changed
    leader       a leader's log, read once for all that is shown of it

Nothing is queued for a client. A topic's state has a version, each client a position, and when its socket has drained
it gets what changed between the two: so whoever is slow gets fewer, larger steps and always the newest state.
"""
