"""``callbridge agents``: what makes no sense is an error, never passed over in silence."""

from __future__ import annotations

import pytest

from callbridge.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ready", "1001", "--phone", "PJSIP/2001"], "--phone can only be used with login"),
        (["list", "--phone", "PJSIP/2001"], "--phone can only be used with login"),
        (["logout", "1001", "--reason", "lunch"], "--reason can only be used with not-ready"),
    ],
)
def test_an_option_that_would_be_ignored_is_a_fault(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["agents", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
