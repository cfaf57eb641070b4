"""The model server answers requests with one packaged version of a model.

It knows MLflow's protocol and the Open Inference Protocol, and it refuses requests that do not fit the model's
signature. The model runs in a process of its own, which the server kills and replaces when it takes too long. The file of
the model is left to `packaging`, starting the server to `deployers`, and the endpoint in front of it to `gateway`.
"""
