from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from adapters.crypto.files import FINGERPRINTS, FileKeyRing
from application.ports.secrets import KeysUnavailable, SealBroken, Wrapped

KEY = bytes(range(32))


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


class TestFolder:
    async def test_the_first_use_makes_one_key_that_only_its_owner_reads(self, tmp_path: Path) -> None:
        folder = tmp_path / "keys" / "ring"
        ring = FileKeyRing(folder)
        wrapped = await ring.wrap(KEY)
        await ring.fingerprint_key()
        assert names(folder) == ["0001.key", FINGERPRINTS]
        assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
        assert {each.stat().st_mode & 0o777 for each in (folder, folder.parent)} == {0o700}
        assert await FileKeyRing(folder).unwrap(wrapped) == KEY

    async def test_looking_makes_no_key(self, tmp_path: Path) -> None:
        with pytest.raises(SealBroken):
            await FileKeyRing(tmp_path).unwrap(Wrapped("0001", KEY))
        assert names(tmp_path) == []

    def test_processes_that_race_get_the_same_keys(self, tmp_path: Path) -> None:
        together = Barrier(8)

        def first(_: int) -> tuple[str, bytes]:
            ring = FileKeyRing(tmp_path)
            together.wait()
            return ring._primary(), ring._fingerprint_key()

        with ThreadPoolExecutor(8) as racers:
            assert len(set(racers.map(first, range(8)))) == 1
        assert names(tmp_path) == ["0001.key", FINGERPRINTS]

    def test_growing_at_once_overwrites_nothing(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as racers:
            names = list(racers.map(lambda _: FileKeyRing(tmp_path)._grow(), range(20)))
        assert sorted(names) == [f"{number:04d}" for number in range(1, 21)]
        assert len({(tmp_path / f"{name}.key").read_text() for name in names}) == 20

    async def test_the_last_by_name_wraps_unless_one_is_named(self, tmp_path: Path) -> None:
        ring = FileKeyRing(tmp_path)
        assert [await ring.grow() for _ in range(2)] == ["0001", "0002"]
        named = FileKeyRing(tmp_path, "0001")
        assert (await ring.primary(), await named.primary()) == ("0002", "0001")
        assert (await named.wrap(KEY)).kek == "0001"
        assert await named.unwrap(await ring.wrap(KEY)) == KEY

    async def test_a_name_without_a_key_wraps_nothing_and_makes_none(self, tmp_path: Path) -> None:
        with pytest.raises(KeysUnavailable) as refused:
            await FileKeyRing(tmp_path, "2026").wrap(KEY)
        assert refused.value.facts == {"reason": "no-such-key", "file": "2026.key"}
        assert names(tmp_path) == []

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
    async def test_a_key_that_others_can_reach_is_not_used(self, tmp_path: Path, mode: int) -> None:
        ring = FileKeyRing(tmp_path)
        await ring.wrap(KEY)
        (tmp_path / "0001.key").chmod(mode)
        with pytest.raises(KeysUnavailable) as refused:
            await ring.wrap(KEY)
        assert refused.value.facts == {"reason": "open-to-others", "file": "0001.key"}

    @pytest.mark.parametrize("content", [b"", b"00" * 31, b"00" * 33, b"zz" * 32, b"\xff" * 64, b"00" * 10_000])
    async def test_a_file_without_a_key_is_not_used_nor_shown(self, tmp_path: Path, content: bytes) -> None:
        ring = FileKeyRing(tmp_path)
        await ring.wrap(KEY)
        (tmp_path / "0001.key").write_bytes(content)
        with pytest.raises(KeysUnavailable) as refused:
            await ring.wrap(KEY)
        assert refused.value.facts == {"reason": "no-key-inside", "file": "0001.key"}

    async def test_other_files_are_no_keys(self, tmp_path: Path) -> None:
        ring = FileKeyRing(tmp_path)
        await ring.wrap(KEY)
        for name in ("0002.key.bak", ".0003.key", "a.b.key", "9 .key", "README"):
            (tmp_path / name).write_text("00" * 32)
        assert await ring.primary() == "0001"

    async def test_a_folder_that_cannot_be_made_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for folder in (
            tmp_path / "file",
            tmp_path / "file" / "ring",
            tmp_path / ("long" * 100),
            Path("/proc/none/ring"),
        ):
            ring = FileKeyRing(folder)
            for call in (ring.wrap(KEY), ring.grow(), ring.fingerprint_key()):
                with pytest.raises(KeysUnavailable):
                    await call
