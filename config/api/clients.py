"""Who calls: the address that a request comes from, through as many proxies as there are."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    """Return the address of the client, or nothing where none can be told, as on a socket without a proxy.

    Each of the TRUSTED_PROXIES in front appends to X-Forwarded-For whom it was called by; what stands before that is
    whatever the client sent, and is not believed.
    """
    passed = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    proxies = settings.TRUSTED_PROXIES
    found = _address(passed[-proxies]) if 0 < proxies <= len(passed) else None
    return str(found or _address(request.META.get("REMOTE_ADDR", "")) or "")


def network_of(ip: str) -> str:
    """Return what is counted as one caller: an IPv4 address, or the /64 of an IPv6 address, which one household has."""
    address = _address(ip)
    return str(IPv6Network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address or "")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in TEXT, as proxies write it: with a port, in brackets, IPv4 as IPv6; None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
