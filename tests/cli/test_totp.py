"""`prober totp`: the code that a journey would type now, and none of what it is made of."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prober.cli import app
from prober.onetime import code_at

SEED = "JBSWY3DPEHPK3PXP"
REGION = """region: here
base_url: https://shop.example
secrets:
  shop_totp: {seed}
  shop_key: no-seed-at-all
  printed: {{command: [{python}, -c, "print('{seed}')"]}}
  failing: {{command: [{python}, -c, "raise SystemExit('{seed}')"]}}
"""


@pytest.fixture
def regions(tmp_path: Path) -> Path:
    path = tmp_path / "here.yaml"
    path.write_text(REGION.format(seed=SEED, python=sys.executable))
    return tmp_path


def totp(*words: str, regions: Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["totp", *words, "--regions", str(regions)])
    return done.exit_code, done.stdout, f"{done.stderr}{done.exception or ''}"


@pytest.mark.parametrize("name", ["shop_totp", "printed"])
def test_the_code_of_now_is_printed_and_for_how_long_it_is_good(name: str, regions: Path) -> None:
    before_s = int(time.time())
    code, out, said = totp(name, regions=regions)
    shown = {code_at(SEED, second).digits for second in (before_s, int(time.time()))}
    assert (code, out.strip() in shown) == (0, True)
    assert said.startswith("good for ")


def test_the_code_is_had_as_json(regions: Path) -> None:
    code, out, _ = totp("shop_totp", "--json", "--region", "here", regions=regions)
    found = json.loads(out)
    assert code == 0
    assert (found["name"], found["region"], found["period_s"]) == ("shop_totp", "here", 30)
    assert found["code"].isdigit()
    assert 1 <= found["seconds_left"] <= 30


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("shop_key", "here.yaml:5: secrets.shop_key: is no secret of one-time codes"),
        ("failing", "here.yaml:7: secrets.failing: its command ended with exit code 1, run it by"),
        ("missing", "region here has no secret 'missing', it has failing, printed, shop_key, sh"),
    ],
)
def test_what_is_no_secret_of_codes_is_told_and_not_shown(
    name: str, what: str, regions: Path
) -> None:
    code, out, said = totp(name, regions=regions)
    assert (code, out) == (1, "")
    assert what in said
    assert SEED not in said
    assert "no-seed-at-all" not in said
