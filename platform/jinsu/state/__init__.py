"""What the platform remembers: its database and its object store."""
