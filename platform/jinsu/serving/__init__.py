"""The model server answers requests with one packaged version of a model.

It knows MLflow's protocol and the Open Inference Protocol, refuses requests that do not fit the model's signature, and runs
the model in a process that it kills and replaces when a run takes too long. The file of the model is left to `packaging`,
starting the server to `deployers`, and the endpoint in front of it to `gateway`.
"""
