"""What the settings become."""

from __future__ import annotations

from pathlib import Path

from collector.assembly import secrets
from tests.unit.config.support import director, legacy, loaded, settings, source, token


def test_the_log_hears_of_every_secret_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "account").write_text("secret-account")
    (tmp_path / "file").write_text("secret-file")
    values = settings(
        sources=[
            source(password="secret-session"),
            source(name="bearer", auth="bearer", username=None, password=None, token="secret-bearer"),
            director(api_token="secret-api"),
            director(name="user", api_token=None, username="u", password="secret-user"),
            director(name="account", api_token=None, service_account_token_file="account"),
            legacy(password=None, password_file="file"),
            {"kind": "nsxv", "name": "via", "via_vcd": "vcd"},
        ],
        http={"tokens": [token(token="secret-of-billing")]},
        exporters={"influxdb": {"url": "https://i", "org": "o", "bucket": "b", "token": "secret-influx"}},
    )
    assert set(secrets(loaded(tmp_path, values).settings)) == {
        "secret-session",
        "secret-bearer",
        "secret-api",
        "secret-user",
        "secret-account",
        "secret-file",
        "secret-of-billing",
        "secret-influx",
    }
