"""What a confined script may connect to."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinsu.steps.destinations import Destination, choose

PUBLIC = ipaddress.ip_address("93.184.215.14")


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "allowed"),
    [
        ("data.example", "data.example", 443, "151.101.0.223", True),
        ("data.example", "Data.Example.", 80, "151.101.0.223", True),
        ("data.example", "data.example", 22, "151.101.0.223", False),
        ("data.example:22", "data.example", 22, "151.101.0.223", True),
        ("data.example:22", "data.example", 443, "151.101.0.223", False),
        ("data.example", "evil-data.example", 443, "151.101.0.223", False),
        ("data.example", "data.example.evil.example", 443, "151.101.0.223", False),
        ("*.example.org", "data.example.org", 443, "93.184.215.14", True),
        ("*.example.org", "a.b.example.org", 443, "93.184.215.14", True),
        ("*.example.org", "example.org", 443, "93.184.215.14", False),
        ("*.example.org", "evilexample.org", 443, "93.184.215.14", False),
        ("data.internal", "data.internal", 443, "10.0.0.7", True),
        ("data.internal", "data.internal", 443, "127.0.0.1", False),
        ("data.internal", "data.internal", 443, "::ffff:127.0.0.1", False),
        ("data.internal", "data.internal", 80, "169.254.169.254", False),
        ("data.internal", "data.internal", 80, "0.0.0.0", False),
        ("127.0.0.1:5000", "127.0.0.1", 5000, "127.0.0.1", True),
        ("127.0.0.1:5000", "127.0.0.1", 5001, "127.0.0.1", False),
        ("10.1.0.0/16", "anything.example", 443, "10.1.2.3", True),
        ("10.1.0.0/16", "10.2.0.1", 443, "10.2.0.1", False),
        ("10.1.0.0/16:5432", "10.1.0.1", 5432, "10.1.0.1", True),
        ("[2001:db8::1]:443", "2001:db8::1", 443, "2001:db8::1", True),
        ("2001:db8::1", "2001:db8::1", 80, "2001:db8::1", True),
        ("2001:db8::/32", "x", 443, "2001:db8::99", True),
        ("", "", 443, "93.184.215.14", False),
    ],
)
def test_an_entry_allows_what_it_names(entry: str, host: str, port: int, address: str, allowed: bool) -> None:
    found = ipaddress.ip_address(address)
    assert Destination.parse(entry).allows(host, port, found) == allowed
    assert (choose([entry], host, port, [found]) == found) == allowed


def test_of_several_addresses_one_that_is_allowed_is_taken() -> None:
    near = ipaddress.ip_address("127.0.0.1")
    assert choose(["a.example"], "a.example", 443, [near, PUBLIC]) == PUBLIC
    assert choose(["a.example"], "a.example", 443, []) is None
    assert choose([], "a.example", 443, [PUBLIC]) is None


@given(st.text(), st.text(), st.integers(0, 65535))
def test_any_entry_is_read(entry: str, host: str, port: int) -> None:
    choose([entry], host, port, [PUBLIC])
