import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.egress.client import EgressClient
from application.ports.egress import CallFailed
from tests.unit.egress.origin import Origin, answering


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for `name` with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + signed.public_bytes(serialization.Encoding.PEM)
    path = folder / f"{name}.pem"
    path.write_bytes(pem)
    return path


class TestTls:
    @pytest.fixture
    async def named(self, tmp_path: Path) -> AsyncIterator[tuple[Origin, ssl.SSLContext]]:
        pem = certificate(tmp_path, "hooks.example.com")
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(pem)
        origin = Origin()
        async with origin.opened(serving):
            yield origin, ssl.create_default_context(cafile=str(pem))

    async def test_the_certificate_is_checked_against_the_name(self, named: tuple[Origin, ssl.SSLContext]) -> None:
        origin, trust = named
        async with EgressClient(allow_loopback=True, resolver=answering(["127.0.0.1"]), tls=trust) as client:
            assert (await client.request("GET", f"https://hooks.example.com:{origin.port}/")).status == 200

    async def test_a_certificate_for_another_name_is_refused(self, named: tuple[Origin, ssl.SSLContext]) -> None:
        origin, trust = named
        async with EgressClient(allow_loopback=True, resolver=answering(["127.0.0.1"]), tls=trust) as client:
            with pytest.raises(CallFailed):
                await client.request("GET", f"https://other.example.com:{origin.port}/")
        assert origin.heads == []
