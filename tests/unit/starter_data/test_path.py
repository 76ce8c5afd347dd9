"""``enogu.starter_data.path`` finds what ships, and says so when something is missing."""

import pytest

from enogu.errors import EnoguError
from enogu.starter_data import path


def test_a_folder_of_the_starter_data_is_found_by_its_parts() -> None:
    assert path("pictures", "mame").is_dir()
    assert path("LICENSES.md").is_file()


def test_a_missing_part_is_named_with_the_cure() -> None:
    with pytest.raises(EnoguError) as refused:
        path("pictures", "nobody")
    assert "nobody" in refused.value.message
    assert "Install Enogu again" in refused.value.cure
