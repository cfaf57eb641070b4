"""State is the platform's own database: its tables, its transactions and its migrations.

The room knows how records are kept, and not what a change of them means. Files and model versions are only named in the
tables, and are left to `objects` and `registry`.
"""
