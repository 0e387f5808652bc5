"""Whose address counts as the caller's: nobody's word is taken but that of the proxies there are."""

import pytest
from django.test import RequestFactory

from config.api.clients import client_ip, network_of


@pytest.mark.parametrize(
    ("proxies", "passed", "connected", "ip"),
    [
        (0, None, "203.0.113.7", "203.0.113.7"),
        (0, "198.51.100.1", "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1", "10.0.0.1"),
        (1, None, "10.0.0.1", "10.0.0.1"),
        (1, "unknown", "10.0.0.1", "10.0.0.1"),
        (1, "198.51.100.1:4711", "10.0.0.1", "198.51.100.1"),
        (1, "[2001:db8::1]:4711", "10.0.0.1", "2001:db8::1"),
        (1, "2001:DB8::0:1", "10.0.0.1", "2001:db8::1"),
        (1, "::ffff:198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (1, "fe80::1%eth0", "10.0.0.1", "fe80::1"),
        (1, "198.51.100.1", "", "198.51.100.1"),
        (0, None, "", ""),
        (0, None, "a'; DROP TABLE customers", ""),
    ],
)
def test_the_caller_is_who_the_last_trusted_proxy_was_called_by(settings, proxies, passed, connected, ip):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if passed is None else {"X-Forwarded-For": passed}
    assert client_ip(RequestFactory().get("/", headers=headers, REMOTE_ADDR=connected)) == ip


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("", ""),
    ],
)
def test_a_household_is_one_caller(ip, network):
    assert network_of(ip) == network
