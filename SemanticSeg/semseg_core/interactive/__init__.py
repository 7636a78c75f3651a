"""Learning beside a person who scribbles: a session that stays in memory, and the worker process around it."""
