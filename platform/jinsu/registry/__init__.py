"""The registry keeps candidates in MLflow: versions with their evidence, and the aliases that name them.

It knows MLflow's REST API, MLflow's folder for a model, and the evidence page. When a version is registered and when an
alias moves is left to `lifecycle` and `controller`.
"""
