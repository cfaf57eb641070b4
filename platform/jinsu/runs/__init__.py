"""Runs are the submissions on record: their admission, their stages, reviews and rollouts, and their end.

The room decides which submissions are accepted, keeps their code, the journal and the ledger, and knows what people are
shown of them. The work of a stage is left to `lifecycle`, carrying out a rollout to `controller`, and the tables to
`state`.
"""
