import pytest

from adapters.egress.client import EgressClient
from application.ports.egress import AddressRefused
from tests.unit.egress.origin import answering

LONG_LABEL = f"https://{'a' * 64}.example.com/"


async def reason_of(client: EgressClient, url: str) -> object:
    async with client:
        with pytest.raises(AddressRefused) as refused:
            await client.request("GET", url)
    return refused.value.facts["reason"]


class TestAddress:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "::1",
            "169.254.169.254",
            "0.0.0.0",  # noqa: S104 - refused, not bound
            "::",
            "10.0.0.8",
            "172.16.3.4",
            "192.168.1.1",
            "100.64.0.1",
            "224.0.1.1",
            "ff0e::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:102:304::80ff:fffe",
        ],
    )
    async def test_an_address_that_is_not_public_is_refused_behind_a_name(self, address: str) -> None:
        client = EgressClient(resolver=answering([address]))
        assert await reason_of(client, "https://hooks.example.com/x") == "not-public"

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "0.0.0.0", "[::ffff:7f00:1]"])  # noqa: S104 - refused, not bound
    async def test_a_literal_address_that_is_not_public_is_refused(self, host: str) -> None:
        assert await reason_of(EgressClient(), f"https://{host}/") == "not-public"

    async def test_localhost_is_refused(self) -> None:
        assert await reason_of(EgressClient(), "https://localhost/") == "not-public"

    @pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.0.1."])
    async def test_a_number_in_an_odd_spelling_is_refused(self, host: str) -> None:
        assert await reason_of(EgressClient(), f"https://{host}/") in {"odd-spelling", "malformed"}

    async def test_a_name_without_an_address_is_refused(self) -> None:
        assert await reason_of(EgressClient(resolver=answering([])), "https://hooks.example.com/") == "no-address"

    async def test_one_private_address_among_public_ones_is_enough_to_refuse(self) -> None:
        client = EgressClient(resolver=answering(["93.184.215.14", "10.0.0.1"]))
        assert await reason_of(client, "https://hooks.example.com/") == "not-public"

    async def test_an_operator_may_not_name_the_metadata_address_either(self) -> None:
        client = EgressClient(private_hosts={"metrics"}, resolver=answering(["169.254.169.254"]))
        assert await reason_of(client, "http://metrics:9090/") == "not-public"

    async def test_loopback_that_is_allowed_does_not_allow_private(self) -> None:
        client = EgressClient(allow_loopback=True, resolver=answering(["10.0.0.1"]))
        assert await reason_of(client, "http://inside.example.com/") == "not-public"


class TestScheme:
    async def test_plain_http_is_refused_outside(self) -> None:
        client = EgressClient(allow_loopback=True, resolver=answering(["93.184.215.14"]))
        assert await reason_of(client, "http://hooks.example.com/") == "not-https"

    async def test_an_unusual_port_is_refused_outside(self) -> None:
        client = EgressClient(resolver=answering(["93.184.215.14"]))
        assert await reason_of(client, "https://hooks.example.com:6379/") == "port"

    async def test_credentials_in_the_address_are_refused(self) -> None:
        assert await reason_of(EgressClient(), "https://user:word@hooks.example.com/") == "credentials"

    @pytest.mark.parametrize(
        "url",
        ["file:///etc/passwd", "gopher://x/", "hooks.example.com", "https://", "", "//x", "https://a..b/", LONG_LABEL],
    )
    async def test_anything_but_an_http_address_is_refused(self, url: str) -> None:
        assert await reason_of(EgressClient(), url) == "malformed"
