"""How a server of the platform receives requests: with deadlines, limits and one answer to everything that is refused.

The room knows heads and bodies of HTTP requests, how long they may take to come, and how many may be received at once.
Who may ask for what is left to `api` and `servers`, and a request's meaning to the application behind.
"""
