"""Evaluation turns a model's answers on held-out rows into scores, intervals and a verdict.

It is pure: it knows metrics, slices and the comparison with the champion, and it sees nothing but arrays. Running the
models on the rows is left to `lifecycle`, and the page that shows the verdict to `registry`.
"""
