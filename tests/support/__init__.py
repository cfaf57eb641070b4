"""What several suites need: a model to launch, an installation to ask, traffic to send, and waiting."""
