"""The servers that the serving benchmark compares with: each runs in an environment of its own, and imports none of ours."""
