"""A backup holds all that an installation cannot make anew: its databases, its objects and its secrets.

The room knows what belongs to a backup, in which order it is taken, and how an empty installation becomes a copy. A backup
opens every door of its installation: whoever can read it can sign requests as the platform.
"""
