"""The nine stages take a submission from admission to promotion, one module each.

A stage knows which outputs of earlier stages it needs and what it leaves behind, and doing it twice is safe. Starting
the stages in their order is left to Airflow (through `orchestration`) or Kubeflow, and the record of their outputs to
`runs`.
"""
