"""Programs that open what people sent, each as a confined step of its own: rows, expectations, archives, models.

The room knows what each program takes and leaves, and that a program holds no secret but its step's own. Where it is
executed is left to `launchers`, and what becomes of its findings to `lifecycle` and `api`.
"""
