"""The safe-keeping of a token that changes at each use."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from collector.errors import AuthFailed, SourceUnavailable
from collector.sources.vcd.token_file import TOKEN_BYTES_MAX, TokenFile, TokenUse
from tests.unit.sources.vcd.rotator import KILLED

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "token"
    found.write_text("token-1\n")
    found.chmod(0o640)
    return found


def take(path: Path) -> TokenUse:
    use = TokenFile(path).take()
    assert use is not None
    return use


def rotate(path: Path, token: str) -> str:
    """Use the token up and keep the next one; return the used one."""
    use = take(path)
    use.keep(token)
    use.close()
    return use.token


def test_the_next_token_takes_the_place_of_the_used_one_with_its_mode(path: Path) -> None:
    assert rotate(path, "token-2") == "token-1"
    assert rotate(path, "a-much-longer-token-than-before") == "token-2"
    assert rotate(path, "t") == "a-much-longer-token-than-before"
    assert path.read_bytes() == b"t\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(each.name for each in path.parent.iterdir()) == [".token.lock", "token"]
    assert stat.S_IMODE((path.parent / ".token.lock").stat().st_mode) == 0o600


def test_a_use_without_a_next_token_leaves_the_file_as_it_was(path: Path) -> None:
    take(path).close()
    assert path.read_bytes() == b"token-1\n"
    assert sorted(each.name for each in path.parent.iterdir()) == [".token.lock", "token"]


def test_the_form_of_other_tools_is_kept(path: Path) -> None:
    path.write_text(
        json.dumps({"token_type": "Service Account", "refresh_token": "token-1", "updated_by": "x"}, indent=2)
    )
    assert rotate(path, "token-2") == "token-1"
    assert json.loads(path.read_text()) == {
        "token_type": "Service Account",
        "refresh_token": "token-2",
        "updated_by": "x",
    }
    assert rotate(path, "token-3") == "token-2"


def test_a_link_is_followed_and_stays_a_link(path: Path) -> None:
    link = path.parent / "link"
    link.symlink_to(path)
    rotate(link, "token-2")
    assert link.is_symlink()
    assert path.read_bytes() == b"token-2\n"


def test_while_a_token_is_in_use_nobody_else_gets_it(path: Path) -> None:
    use = take(path)
    assert TokenFile(path).take() is None
    use.close()
    use.close()
    take(path).close()


def test_space_for_the_next_token_is_there_before_the_token_is_used(path: Path) -> None:
    use = take(path)
    space = successor(path).stat()
    assert space.st_size == TOKEN_BYTES_MAX
    assert space.st_blocks * 512 >= TOKEN_BYTES_MAX
    use.close()


@pytest.mark.parametrize(
    "content", ["", "\n", "two words", "two\nlines", "{}", '{"refresh_token": 5}', "{", "\x00", "ü"]
)
def test_a_file_without_a_token_is_told_without_what_is_in_it(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(AuthFailed, match="expected the refresh token alone on one line") as caught:
        TokenFile(path).take()
    assert not content.strip() or content not in str(caught.value)
    path.write_text("token-1")
    take(path).close()


def test_a_missing_file_and_a_folder_that_does_not_exist_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "no" / "none"):
        with pytest.raises(SourceUnavailable, match=f"{path}.*the token was not used"):
            TokenFile(path).take()


def test_links_that_go_round_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(SourceUnavailable, match="service account token file"):
        TokenFile(tmp_path / "a").take()


@pytest.mark.parametrize("call", ["pwrite", "fsync", "utime", "ftruncate"])
def test_what_would_fail_after_the_use_fails_before_it(path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        with pytest.raises(SourceUnavailable, match=r"No space left on device.*the token was not used"):
            TokenFile(path).take()
    assert path.read_text() == "token-1\n"
    assert rotate(path, "token-2") == "token-1"


def test_a_file_that_cannot_be_renamed_over_is_told_before_the_use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(SourceUnavailable, match=r"busy.*the file no mount of its own"):
        TokenFile(path).take()


@pytest.mark.parametrize("call", ["pwrite", "fsync", "utime", "ftruncate"])
def test_storing_that_failed_can_be_tried_again(path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use = take(path)

    def failing(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing)
        with pytest.raises(OSError, match="Input/output"):
            use.keep("token-2")
    use.keep("token-2")
    use.keep("token-2")
    use.close()
    assert path.read_text() == "token-2\n"


def test_a_token_that_is_too_long_is_not_kept_and_the_used_one_stays(path: Path) -> None:
    use = take(path)
    with pytest.raises(OSError, match="longer than"):
        use.keep("t" * TOKEN_BYTES_MAX)
    use.close()
    assert path.read_text() == "token-1\n"


def leave_over(path: Path, content: bytes) -> None:
    """Leave what a process that was killed between writing and renaming leaves."""
    successor(path).write_bytes(content)


def successor(path: Path) -> Path:
    return path.with_name(f".token.{path.stat().st_mtime_ns}.next")


@pytest.mark.parametrize("rest", [b"", bytes(100)])
def test_a_token_that_was_written_and_not_renamed_is_found_again(path: Path, rest: bytes) -> None:
    leave_over(path, b"token-2\n" + rest)
    assert rotate(path, "token-3") == "token-2"
    assert path.read_bytes() == b"token-3\n"


@pytest.mark.parametrize("content", [b"", bytes(100), b"tok", b"tok\0\0en\n"])
def test_what_was_not_written_to_its_end_counts_for_nothing(path: Path, content: bytes) -> None:
    leave_over(path, content)
    assert rotate(path, "token-3") == "token-1"


def test_a_file_that_a_person_replaced_wins_over_what_was_left_over(path: Path) -> None:
    leave_over(path, b"token-2\n")
    os.utime(path, (1, 1))
    assert rotate(path, "token-3") == "token-1"
    assert sorted(each.name for each in path.parent.iterdir()) == [".token.lock", "token"]


def test_a_process_that_is_killed_at_any_moment_loses_no_token_that_was_handed_out(path: Path) -> None:
    answered = Path(f"{path}.answered")
    path.write_text("token-0\n")
    answered.write_text("token-0\n")
    lost = []
    for step in range(100):
        done = subprocess.run(
            [sys.executable, "-m", "tests.unit.sources.vcd.rotator", str(path), str(step)], cwd=ROOT, check=False
        )
        assert done.returncode in {0, KILLED}
        use = take(path)
        use.close()
        newest = answered.read_text().split()[-1]
        if use.token != newest:
            lost.append(step)
            path.write_text(f"{newest}\n")
        if done.returncode == 0:
            break
    # Before the first write of an answer there is nothing that could be found again.
    assert len(lost) == 1
    assert lost[0] + 5 < step < 99
