"""The process that never sleeps: the release loop, and reconcilers that compare two records and repair the difference."""
