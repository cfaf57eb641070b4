"""Retention removes what nothing needs any more: steps, code, old dataset versions and old model versions.

The room knows what needs what, and decides by the installation's rules. How an object is stored is left to `objects`.
"""
