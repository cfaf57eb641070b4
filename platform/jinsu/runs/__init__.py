"""The record of submissions: admission, journal, ledger, and what people are shown of them."""
