"""What a researcher asks for: model.yaml, its schema and its messages. Pure."""
