"""Programs that open what people sent: rows, expectations, archives, models. Each runs as a step of its own, confined.

The room knows what each program takes and leaves (`tasks`); a program finds its inputs in the step's folder, holds no secret
but the step's own, and reaches no network. Where it is executed is left to `launchers`, and what becomes of its findings to
`lifecycle` and `api`.
"""
