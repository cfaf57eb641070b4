"""Packaging finds out whether a saved model is fit to serve, and what it takes and answers.

It knows the manifest and the ONNX file of a model, and it never runs a researcher's code. Saving a model is left to
`sdk`, and answering requests with it to `serving`.
"""
