"""A secret is made once, on this machine, and only the owner of the data folder can read it."""

import os
import secrets
from pathlib import Path


def secret(folder: Path, name: str) -> str:
    """The text of `<folder>/secrets/<name>` (mode 0600), made of 32 random bytes when it does not exist."""
    path = folder / "secrets" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f".{name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return path.read_text().strip()
