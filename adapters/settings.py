"""Every setting is an environment variable, and stands here once with its meaning."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "CHANGEGATE_"
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def _from_json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        raise ValueError("it is not JSON") from None


def _headers(text: SecretStr | None) -> SecretStr | None:
    said = {} if text is None else _from_json(text.get_secret_value())
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError("it is no JSON object of texts")
    return text


def _upper(text: Any) -> Any:
    return text.upper() if isinstance(text, str) else text


_Json = (NoDecode, BeforeValidator(_from_json))
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]


class ExternalIssuer(BaseModel):
    """An identity provider whose tokens are accepted: asymmetric algorithms only, keys from its JWKS."""

    issuer: str
    audience: str
    algorithms: list[str]
    jwks_url: str


class Surroundings(BaseSettings):
    """What a process is told by environment variables with the prefix CHANGEGATE_."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, hide_input_in_errors=True)

    @classmethod
    def read(cls) -> Self:
        """Those of this process; SystemExit with one sentence for each fault, which never shows a value."""
        try:
            return cls()
        except ValidationError as error:
            raise SystemExit("\n".join(map(_sentence, error.errors(include_input=False)))) from None


class Terminal(Surroundings):
    """What the command reads before it knows whether it needs more."""

    log_level: Level = Field("WARNING", description="lowest level that is written")


class Settings(Surroundings):
    """What API, worker and migration read."""

    database_url: SecretStr = Field(description="PostgreSQL login of the product, a member of changegate_app")
    owner_database_url: SecretStr | None = Field(
        None, description="PostgreSQL login that migrates; serving never uses it"
    )
    database_pool: int = Field(10, description="connections that one process keeps open")
    temporal_address: str = Field("127.0.0.1:7233", description="host:port of the Temporal frontend")
    temporal_namespace: str = Field("default", description="Temporal namespace")
    temporal_tls: bool = Field(False, description="TLS to Temporal; an API key or a certificate turns it on, too")
    temporal_api_key: SecretStr | None = Field(None, description="API key for Temporal")
    temporal_client_cert: Path | None = Field(None, description="certificate that the client shows Temporal, PEM")
    temporal_client_key: Path | None = Field(None, description="its private key, PEM")
    temporal_server_ca: Path | None = Field(
        None, description="authority that signed Temporal's certificate, PEM; otherwise those of the system"
    )
    temporal_ui: str | None = Field(None, description="Temporal UI to serve read-only at /temporal")
    valkey_url: SecretStr | None = Field(None, description="shared second-level cache; everything works without it")
    cache_ttl: int = Field(300, ge=1, le=86_400, description="seconds for which that cache keeps what settings say")
    gate_silence: int = Field(
        30, ge=1, le=600, description="seconds for which posting checks are told without a sign of the database"
    )
    flagd_port: int | None = Field(
        None, ge=1, le=65_535, description="port where flagd's sync protocol is served (gRPC); without it, nowhere"
    )
    flagd_host: str = Field("127.0.0.1", description="address of that port")
    flagd_cert: Path | None = Field(None, description="certificate of that port, PEM; without it there is no TLS there")
    flagd_key: Path | None = Field(None, description="its private key, PEM")
    prometheus_url: str | None = Field(None, description="Prometheus that gates may query")
    json_metrics_url: str | None = Field(None, description="service that answers in JSON, which gates may query")
    json_metrics_method: Literal["GET", "POST"] = Field("GET", description="GET or POST")
    json_metrics_headers: Annotated[SecretStr | None, AfterValidator(_headers)] = Field(
        None, description="headers that it wants, as a JSON object"
    )
    json_metrics_instant: str = Field(
        "/at", pattern=r"^/", description="JSON Pointer to the instant of its answer: seconds since 1970, or a date"
    )
    json_metrics_time: str | None = Field(
        None, pattern=r"^[\w.-]+$", description="its parameter for an instant; without one it knows no past"
    )
    datadog_url: str | None = Field(None, description="Datadog that gates may query, such as https://api.datadoghq.com")
    datadog_api_key: SecretStr | None = Field(None, description="its API key")
    datadog_app_key: SecretStr | None = Field(None, description="its application key")
    public_url: str = Field("http://127.0.0.1:8080", description="origin that links in messages point to")
    keys: Path = Field(Path(".changegate/keys"), description="folder of signing keys")
    signed_bundles: bool = Field(False, description="take no bundle that is not signed by a key that is trusted here")
    key_folder: Path | None = Field(
        None,
        description="folder of the keys that encrypt secrets; otherwise `ring` inside CHANGEGATE_KEYS. "
        "Beside Vault it still opens what its keys have wrapped",
    )
    key_primary: str | None = Field(
        None, description="the key of that folder that encrypts, without `.key`; otherwise the last by name"
    )
    vault_url: str | None = Field(None, description="HashiCorp Vault that holds these keys instead, over https")
    vault_token_file: Path | None = Field(None, description="file with its token, read again at each call")
    vault_key: str = Field(
        "changegate", pattern=r"^[A-Za-z0-9_-]{1,60}$", description="name of the key in its transit engine"
    )
    vault_mount: str = Field("transit", pattern=r"^[\w-]+(/[\w-]+)*$", description="path of its transit engine")
    vault_namespace: str | None = Field(None, description="its namespace, where it has several")
    vault_server_ca: Path | None = Field(
        None, description="authority that signed its certificate, PEM; otherwise the public ones"
    )
    embedded_issuer: bool = Field(False, description="accept tokens of the installation's own issuer")
    issuers: Annotated[list[ExternalIssuer], *_Json] = Field([], description="identity providers, as a JSON list")
    trusted_hosts: Annotated[list[str], *_Json] = Field(
        [], description="private hosts that may be called, such as a JWKS server"
    )
    smtp_host: str | None = Field(None, description="mail server; without it nobody gets mail")
    smtp_port: int = Field(587, description="port of the mail server")
    smtp_security: Literal["plain", "starttls", "tls"] = Field("starttls", description="plain, starttls or tls")
    smtp_username: str | None = Field(None, description="login at the mail server")
    smtp_password: SecretStr | None = Field(None, description="its password")
    smtp_sender: str = Field("changegate@localhost", description="From address of mails")
    webhook_url: str | None = Field(None, description="address of the signed, Slack-compatible webhook")
    webhook_secret: SecretStr | None = Field(None, description="its signing secret (whsec_...)")
    event_days: int = Field(7, ge=1, le=3650, description="days that events can be read again by those who watch")
    command_days: int = Field(
        365, ge=1, le=36_500, description="days that commands are kept after they are over, unless their type says so"
    )
    command_held_days: int = Field(
        2557, ge=1, le=36_500, description="days for those that belong to a change, or move money"
    )
    command_known_days: int = Field(
        365, ge=1, le=36_500, description="days for which a command that was purged is not sent anew"
    )
    handlers: str = Field(
        "", description="handlers of commands, and processes, that a worker runs: module:attribute, with commas between"
    )
    long_commands: Literal["workflow", "activity"] = Field(
        "workflow", description="what carries a long command: a workflow, or an activity of none (server 1.32)"
    )
    worker_metrics_port: int | None = Field(
        None, ge=1, le=65_535, description="port where a worker tells Prometheus what it counts; without it, nowhere"
    )
    worker_metrics_host: str = Field("127.0.0.1", description="address of that port")
    log_form: Literal["json", "console"] = Field("json", description="for machines or for people")
    log_level: Level = Field("INFO", description="lowest level that is written")
    docs: bool = Field(True, description="serve the API reference at /docs")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.temporal_client_cert is None) != (self.temporal_client_key is None):
            raise ValueError("CHANGEGATE_TEMPORAL_CLIENT_CERT and CHANGEGATE_TEMPORAL_CLIENT_KEY go together")
        if (self.flagd_cert is None) != (self.flagd_key is None):
            raise ValueError("CHANGEGATE_FLAGD_CERT and CHANGEGATE_FLAGD_KEY go together")
        return self

    @model_validator(mode="after")
    def _metrics_can_be_asked(self) -> Self:
        if len({value is None for value in (self.datadog_url, self.datadog_api_key, self.datadog_app_key)}) > 1:
            raise ValueError("CHANGEGATE_DATADOG_URL, _API_KEY and _APP_KEY go together")
        for url in (self.json_metrics_url, self.datadog_url):
            address = urlsplit(url or "https://nobody")
            if address.scheme not in {"http", "https"} or address.query or address.fragment or address.username:
                raise ValueError("an address of metrics begins with http, and has neither name nor ? nor #")
        return self

    @model_validator(mode="after")
    def _vault_is_safe_to_ask(self) -> Self:
        if self.vault_url is None:
            return self
        if self.vault_token_file is None:
            raise ValueError("CHANGEGATE_VAULT_URL needs CHANGEGATE_VAULT_TOKEN_FILE")
        address = urlsplit(self.vault_url)
        if address.scheme != "https" and (address.scheme != "http" or address.hostname not in _THIS_MACHINE):
            raise ValueError("CHANGEGATE_VAULT_URL begins with https://, or with http:// within one machine")
        return self


def _sentence(fault: ErrorDetails) -> str:
    reason = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    if not fault["loc"]:
        return f"{reason}."
    name, *inside = map(str, fault["loc"])
    variable = PREFIX + name.upper()
    if fault["type"] == "missing" and not inside:
        return f"{variable} is not set."
    place = f"at {'.'.join(inside)}, " if inside else ""
    return f"{variable} is of no use: {place}{reason[0].lower()}{reason[1:]}."
