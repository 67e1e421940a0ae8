"""intake owns the matter: reports and whistles, their numbers, withdrawal, and every decision the street takes; and it
alone keeps what is a resident's own, sealed.

Publishes a whistle's life from the draft to the closing and the reopening, and what the street decides on the way:
verification, rework, scores, call-backs, meetings, first extensions, short suspensions, urges. Consumes the registry
and the calendars; for the timeline and the derived state, what dispatch, the departments and escalation say about its
whistles; and of that, for decisions of its own, requests for more time, the district's word on a score, and the
breach of the street's own clock for scoring.
"""
