"""One file for each group of routes: forms, signed events, event status, statistics, unsubscribe links, health."""
