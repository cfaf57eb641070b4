"""Identity says who a person is and what they may do.

It knows people, their roles, and the digests of their tokens. Asking for the token is left to `api`, and the accounts
of Airflow and MLflow to `servers`.
"""
