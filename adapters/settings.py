"""Every setting is an environment variable, and stands here once with its meaning."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExternalIssuer(BaseModel):
    """An identity provider whose tokens are accepted: asymmetric algorithms only, keys from its JWKS."""

    issuer: str
    audience: str
    algorithms: list[str]
    jwks_url: str


class Settings(BaseSettings):
    """Every setting is an environment variable with the prefix CHANGEGATE_."""

    model_config = SettingsConfigDict(env_prefix="CHANGEGATE_", env_ignore_empty=True, hide_input_in_errors=True)

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
    prometheus_url: str | None = Field(None, description="Prometheus that gates may query")
    public_url: str = Field("http://127.0.0.1:8080", description="origin that links in messages point to")
    keys: Path = Field(Path(".changegate/keys"), description="folder of signing keys")
    embedded_issuer: bool = Field(False, description="accept tokens of the installation's own issuer")
    issuers: list[ExternalIssuer] = Field([], description="identity providers, as a JSON list")
    trusted_hosts: list[str] = Field([], description="private hosts that may be called, such as a JWKS server")
    smtp_host: str | None = Field(None, description="mail server; without it nobody gets mail")
    smtp_port: int = Field(587, description="port of the mail server")
    smtp_security: Literal["plain", "starttls", "tls"] = Field("starttls", description="plain, starttls or tls")
    smtp_username: str | None = Field(None, description="login at the mail server")
    smtp_password: SecretStr | None = Field(None, description="its password")
    smtp_sender: str = Field("changegate@localhost", description="From address of mails")
    webhook_url: str | None = Field(None, description="address of the signed, Slack-compatible webhook")
    webhook_secret: SecretStr | None = Field(None, description="its signing secret (whsec_...)")
    log_form: str = Field("json", description="json or console")
    log_level: str = Field("INFO", description="lowest level that is written")
    docs: bool = Field(True, description="serve the API reference at /docs")

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.temporal_client_cert is None) != (self.temporal_client_key is None):
            raise ValueError("CHANGEGATE_TEMPORAL_CLIENT_CERT and CHANGEGATE_TEMPORAL_CLIENT_KEY go together")
        return self
