"""The HTTP API is the one door through which people and their tools reach the platform.

It knows who is asking, checks what they send, and answers with the models that its OpenAPI page describes. Which
submissions are accepted is left to `runs`, who a person is to `identity`, and what an uploaded table holds to `data`.
"""
