"""Lists of identities and identities.txt: numbers of any length are told, not tripped over."""

from __future__ import annotations

import pytest

from unequal.faces.identity_lists import read_identity_list, read_names
from unequal.support.errors import InputError

LONG = "9" * 5000


@pytest.mark.parametrize("line", [LONG, f"{LONG} Ann 3", f"0 Ann {LONG}"])
def test_a_number_of_5000_digits_is_no_identity(tmp_path, line):
    path = tmp_path / "identities"
    path.write_text(f"0\n{line}\n")
    with pytest.raises(InputError, match="line 2: .* is no identity of") as refused:
        read_identity_list(path, tmp_path, {0, 1}, {0: "Ann", 1: "Bob"})
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_a_name_of_5000_digits_is_a_name(tmp_path):
    path = tmp_path / "identities"
    path.write_text(f"{LONG}\n")
    assert read_identity_list(path, tmp_path, {0, 1}, {0: "Ann", 1: LONG}) == {1}


@pytest.mark.parametrize("line", [f"{LONG} Ann 3", f"0 Ann {LONG}"])
def test_a_number_of_5000_digits_is_told_in_identities_txt(tmp_path, line):
    (tmp_path / "identities.txt").write_text(f"0 Ann 1\n{line}\n")
    with pytest.raises(InputError, match="identities.txt, line 2: "):
        read_names(tmp_path)
