"""`changegate database` says where PostgreSQL answers, and a login made as it says asks the guard and sees no table."""

import asyncio
import io
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from adapters.embedded.stack import Stack
from cli.app import build
from terminal import EmbeddedInstallation

ASK = "SELECT * FROM fiscal.assert_postable_v1($1, 'acme', 'AP', 'transaction', '2025-01-31', $2)"

Say = Callable[..., Awaitable[str]]


@pytest.fixture
def said(stack: Stack, database_url: str) -> Say:
    app = build(EmbeddedInstallation(stack.folder))

    def run(words: tuple[str, ...]) -> str:
        with redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as end:
            app(["database", *words])
        assert not end.value.code, out.getvalue()
        return out.getvalue()

    async def say(*words: str) -> str:
        return await asyncio.to_thread(run, words)

    return say


class TestDatabase:
    async def test_the_owner_connects_with_what_it_prints(self, said: Say) -> None:
        owner = await asyncpg.connect((await said("--url")).strip())
        try:
            assert await owner.fetchval("SELECT current_user") == "postgres"
        finally:
            await owner.close()

    async def test_a_login_made_as_it_says_asks_the_guard_and_sees_no_table(self, said: Say) -> None:
        words, login, password = await said(), f"my_ledger_{secrets.token_hex(4)}", secrets.token_hex(16)
        statements = re.findall(r"^  ((?:CREATE|GRANT) .*?;)", words, re.MULTILINE)
        assert len(statements) == 2
        owner = await asyncpg.connect((await said("--url")).strip())
        try:
            for each in statements:
                await owner.execute(each.replace("my_ledger", login).replace("...", password))
            poster = await asyncpg.connect((await said("--login", login)).strip(), password=password)
            try:
                await poster.execute("SELECT set_config('app.tenant_id', $1, false)", str(tenant := uuid4()))
                with pytest.raises(asyncpg.PostgresError) as refused:
                    await poster.fetch(ASK, tenant, uuid4())
                assert refused.value.sqlstate == "FP009"
                for table in ("principal", "period_gate", "change_set"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await poster.fetch(f"SELECT FROM {table}")
            finally:
                await poster.close()
        finally:
            await owner.execute(f"DROP ROLE IF EXISTS {login}")
            await owner.close()

    async def test_its_words_hold_no_password(self, stack: Stack, said: Say) -> None:
        password = (stack.folder / "secrets" / "postgres").read_text().strip()
        assert password in await said("--url")
        assert password not in await said() + await said("--login", "my_ledger")

    def test_a_folder_in_which_nothing_ran_is_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as end:
            build(EmbeddedInstallation(tmp_path))(["database"])
        assert end.value.code == 1
        assert str(tmp_path) in capsys.readouterr().out
