"""Bad input by the thousand: every reader of what a stranger may send answers with a sentence, or with nothing.

    python -m tests.fuzz [--examples N] [--guided-runs N] [--seed S]
"""
