"""An address becomes what SQLAlchemy and asyncpg are given, or one sentence that shows no password."""

import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.postgres.address import Address
from tests.authority import Authority

PASSWORD = "p/w?d#@: %1+é"
PLACE = f"postgresql://ada:{quote(PASSWORD, safe='')}@db.example.com:5433/gates"
MODES = "disable, prefer, require, verify-ca, verify-full"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def refusal(words: str, setting: str = "CHANGEGATE_DATABASE_URL") -> str:
    with pytest.raises(SystemExit) as ended:
        Address.of(f"{PLACE}?{words}", setting)
    sentence = str(ended.value.code)
    assert PASSWORD not in sentence
    assert quote(PASSWORD, safe="") not in sentence
    assert "BEGIN" not in sentence
    return sentence


def context(words: str) -> ssl.SSLContext:
    made = Address.of(f"{PLACE}?{words}").tls["ssl"]
    assert isinstance(made, ssl.SSLContext)
    return made


class TestAddress:
    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
    def test_its_parts_are_decoded(self, scheme: str) -> None:
        address = Address.of(PLACE.replace("postgresql", scheme))
        assert address.url.drivername == "postgresql+asyncpg"
        assert address.arguments() == {
            "host": "db.example.com",
            "port": 5433,
            "user": "ada",
            "password": PASSWORD,
            "database": "gates",
        }

    def test_is_never_shown(self) -> None:
        assert repr(Address.of(PLACE)) == "Address()"

    def test_what_is_only_for_sqlalchemy_stays_with_it(self) -> None:
        address = Address.of(f"{PLACE}?prepared_statement_cache_size=0&target_session_attrs=read-write")
        assert address.url.query["prepared_statement_cache_size"] == "0"
        assert address.arguments()["target_session_attrs"] == "read-write"
        assert "prepared_statement_cache_size" not in address.arguments()

    @pytest.mark.parametrize(
        "text", ["", "hidden", "mysql://ada:hidden@db/gates", "postgresql://ada:hidden@db:x/gates"]
    )
    def test_one_that_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(SystemExit) as ended:
            Address.of(text, "CHANGEGATE_OWNER_DATABASE_URL")
        assert ended.value.code == (
            "CHANGEGATE_OWNER_DATABASE_URL is no address such as postgresql://login:password@host:5432/database."
        )

    @pytest.mark.parametrize("name", ["channel_binding", "sslpassword", "connect_timeout"])
    def test_a_parameter_that_would_do_nothing_is_named(self, name: str) -> None:
        assert refusal(f"{name}=require").startswith(f"CHANGEGATE_DATABASE_URL has the parameter {name}; only these")


class TestMode:
    def test_nothing_is_said_when_nothing_is_asked(self) -> None:
        assert Address.of(PLACE).tls == {}

    @pytest.mark.parametrize(("mode", "given"), [("disable", False), ("prefer", "prefer")])
    def test_one_that_proves_nothing_is_handed_on(self, mode: str, given: object) -> None:
        assert Address.of(f"{PLACE}?sslmode={mode}").arguments()["ssl"] == given

    @pytest.mark.parametrize("words", ["sslmode=require", "ssl=require", "ssl=true", "sslmode=disable&sslmode=require"])
    def test_require_asks_for_no_proof(self, words: str) -> None:
        made = context(words)
        assert (made.verify_mode, made.check_hostname) == (ssl.CERT_NONE, False)
        assert not Address.of(f"{PLACE}?{words}").url.query

    @pytest.mark.parametrize("words", ["sslmode=verify-full", "sslmode=verify-full&sslrootcert=system"])
    def test_verify_full_trusts_the_authorities_of_the_system(self, words: str) -> None:
        made = context(words)
        assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)

    @pytest.mark.parametrize(("mode", "name"), [("require", False), ("verify-ca", False), ("verify-full", True)])
    def test_an_authority_is_the_only_one_that_is_trusted(
        self,
        authority: Authority,
        mode: str,
        name: bool,  # noqa: FBT001 - a case
    ) -> None:
        made = context(f"sslmode={mode}&sslrootcert={authority.certificate}")
        assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, name)
        assert len(made.get_ca_certs()) == 1

    @pytest.mark.parametrize("words", ["sslmode=verify-ca", "sslmode=require&sslrootcert=system"])
    def test_who_signs_for_anybody_proves_nothing_without_the_name(self, words: str) -> None:
        assert "the authorities of the system, who sign for anybody" in refusal(words)

    @pytest.mark.parametrize("words", ["sslmode=hidden", "sslmode=VERIFY-FULL", "ssl=on", "sslmode=allow"])
    def test_one_that_is_unknown_is_refused(self, words: str) -> None:
        assert refusal(words) == f"CHANGEGATE_DATABASE_URL has an sslmode that is none of {MODES}."

    @pytest.mark.parametrize("mode", ["", "sslmode=disable&", "sslmode=prefer&"])
    @pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey"])
    def test_files_that_it_would_not_use_are_refused(self, mode: str, name: str) -> None:
        needed = "an sslmode that is one of require, verify-ca, verify-full"
        assert refusal(f"{mode}{name}=there.pem") == f"CHANGEGATE_DATABASE_URL has {name}, which needs {needed}."


class TestFile:
    @pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey"])
    def test_one_that_cannot_be_read_is_named(self, authority: Authority, tmp_path: Path, name: str) -> None:
        shown = authority.identity("ada")
        files = {"sslrootcert": authority.certificate, "sslcert": shown.certificate, "sslkey": shown.key}
        files[name] = tmp_path
        words = "&".join(f"{each}={path}" for each, path in files.items())
        sentence = refusal(f"sslmode=verify-full&{words}", "CHANGEGATE_OWNER_DATABASE_URL")
        assert sentence == (
            f"CHANGEGATE_OWNER_DATABASE_URL names {tmp_path} as {name}, which cannot be read: Is a directory."
        )

    def test_an_authority_that_is_no_certificate_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "ca.crt").write_text("no PEM")
        sentence = refusal(f"sslmode=verify-full&sslrootcert={tmp_path / 'ca.crt'}")
        assert sentence.endswith(
            f"names {tmp_path / 'ca.crt'} as sslrootcert, which is no file of certificates in PEM."
        )

    def test_a_key_that_is_not_the_certificates_own_is_named(self, authority: Authority) -> None:
        ada, bob = authority.identity("ada"), authority.identity("bob")
        sentence = refusal(f"sslmode=require&sslcert={ada.certificate}&sslkey={bob.key}")
        assert f"names {ada.certificate} as sslcert and {bob.key} as sslkey, which are not" in sentence
        assert "and the same file as sslkey" in refusal(f"sslmode=require&sslcert={ada.certificate}")

    def test_a_key_alone_is_refused(self, authority: Authority) -> None:
        sentence = refusal(f"sslmode=require&sslkey={authority.identity('ada').key}")
        assert sentence == "CHANGEGATE_DATABASE_URL has sslkey without sslcert; they go together."
