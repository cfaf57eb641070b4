"""The `jinsu` command turns what a person types into requests to the API, and shows the answers.

It knows the API's address and the person's token, and it prints tables for people or JSON for programs. What a request
does is left to `api`, and starting and stopping an installation on one machine to `local`.
"""
