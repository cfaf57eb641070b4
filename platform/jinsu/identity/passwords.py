"""Passwords of local accounts, hashed by scrypt (RFC 7914) from the standard library. Pure."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from jinsu.errors import BadInputError

_COST, _BLOCK, _LANES = 2**14, 8, 1
_LEAST, _MOST = 10, 200


def hashed(password: str) -> str:
    """The text that is kept: the parameters, a salt and the hash. Raises BadInputError for a password that is too short."""
    if not _LEAST <= len(password) <= _MOST:
        raise BadInputError(f"password: give {_LEAST} to {_MOST} characters.")
    salt = secrets.token_bytes(16)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${salt.hex()}${_scrypt(password, salt, _COST, _BLOCK, _LANES).hex()}"


def matches(password: str, kept: str | None) -> bool:
    """Whether the password is the one behind `kept`. Without one it takes as long, and is False."""
    scheme = (kept or _NOBODYS).split("$")
    _, cost, block, lanes, salt, expected = scheme
    found = _scrypt(password[:_MOST], bytes.fromhex(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(found, bytes.fromhex(expected)) and kept is not None


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    encoded = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=salt, n=cost, r=block, p=lanes, maxmem=2**26, dklen=32)


_NOBODYS = f"scrypt${_COST}${_BLOCK}${_LANES}${'00' * 16}${'00' * 32}"
