"""One unit of work: its description, its identity, its result, and the launchers that execute it."""
