"""Names on the Hugging Face hub, and which of a repository's files make a base model (C3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.base_models.rules.hub import HubReference, choose_files, parse_reference
from enogu.errors import BaseModelRefused


@pytest.mark.parametrize(
    ("text", "repo", "revision", "file"),
    [
        ("owner/anime-xl", "owner/anime-xl", "main", ""),
        (" owner/anime-xl ", "owner/anime-xl", "main", ""),
        ("owner/anime@v1.0", "owner/anime", "v1.0", ""),
        ("owner/anime/anime.safetensors", "owner/anime", "main", "anime.safetensors"),
        ("owner/anime@v2/sub/anime.safetensors", "owner/anime", "v2", "sub/anime.safetensors"),
        ("https://huggingface.co/owner/anime", "owner/anime", "main", ""),
        ("https://huggingface.co/owner/anime/", "owner/anime", "main", ""),
        ("https://huggingface.co/owner/anime/tree/v1.0", "owner/anime", "v1.0", ""),
        ("https://huggingface.co/owner/anime/tree/main/", "owner/anime", "main", ""),
        (
            "https://huggingface.co/owner/anime/blob/main/a.safetensors?download=true",
            "owner/anime",
            "main",
            "a.safetensors",
        ),
        ("https://hf.co/owner/anime/resolve/main/a.safetensors", "owner/anime", "main", "a.safetensors"),
    ],
)
def test_names_and_addresses_of_pages_mean_the_same(text: str, repo: str, revision: str, file: str) -> None:
    assert parse_reference(text) == HubReference(repo, revision, file)


@pytest.mark.parametrize(
    "text",
    ["", "anime", "../etc/passwd", "a/b/../../c.safetensors", "https://evil.example/a/b", "a/b@../x", "owner/a b",
     "owner/anime/https://x.safetensors", "a//b", "owner/anime/.hidden.safetensors"],
)  # fmt: skip
def test_what_is_no_name_says_how_one_looks(text: str) -> None:
    with pytest.raises(BaseModelRefused, match=r"owner/name/file\.safetensors"):
        parse_reference(text)


def test_a_pickle_that_is_named_is_refused_with_the_reason() -> None:
    with pytest.raises(BaseModelRefused, match="pickle"):
        parse_reference("owner/anime/anime.ckpt")


@given(st.text(max_size=60))
def test_whatever_is_written_is_a_plain_name_or_refused(text: str) -> None:
    try:
        found = parse_reference(text)
    except BaseModelRefused:
        return
    assert parse_reference(str(found)) == found
    assert ".." not in str(found)


FOLDER = {
    "model_index.json": 500, "README.md": 9, "v1-5-pruned.ckpt": 7000, "v1-5-pruned.safetensors": 7000,
    "unet/config.json": 900, "unet/diffusion_pytorch_model.bin": 3000,
    "unet/diffusion_pytorch_model.safetensors": 3000, "unet/diffusion_pytorch_model.fp16.safetensors": 1500,
    "unet/diffusion_pytorch_model.non_ema.safetensors": 3000, "vae/config.json": 90,
    "vae/diffusion_pytorch_model.fp16.safetensors": 70, "text_encoder/config.json": 90,
    "text_encoder/model.safetensors": 300, "tokenizer/merges.txt": 50, "tokenizer/vocab.json": 70,
    "scheduler/scheduler_config.json": 40, "safety_checker/model.safetensors": 999, "unet/deep/er.json": 4,
}  # fmt: skip


def test_of_a_folder_one_copy_of_the_weights_is_taken_and_no_pickle() -> None:
    chosen = choose_files(HubReference("owner/anime"), FOLDER)
    assert sorted(chosen) == [
        "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
        "text_encoder/model.safetensors", "tokenizer/merges.txt", "tokenizer/vocab.json", "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors", "vae/config.json", "vae/diffusion_pytorch_model.fp16.safetensors",
    ]  # fmt: skip
    assert chosen["vae/diffusion_pytorch_model.fp16.safetensors"] == "vae/diffusion_pytorch_model.safetensors"


def test_a_repository_with_one_checkpoint_gives_that_one() -> None:
    sizes = {"anime.safetensors": 7000, "sample.png": 5, "lora/x.safetensors": 3}
    assert choose_files(HubReference("owner/anime"), sizes) == {"anime.safetensors": "anime.safetensors"}


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"a.safetensors": 1, "b.safetensors": 1}, "owner/anime/a.safetensors"),
        ({"a.ckpt": 1}, "pickles"),
        ({"README.md": 1}, "no base model"),
        ({"a.safetensors": 200 * 2**30}, "larger than"),
    ],
)
def test_what_cannot_be_taken_says_why(sizes: dict[str, int], words: str) -> None:
    with pytest.raises(BaseModelRefused, match=words):
        choose_files(HubReference("owner/anime"), sizes)


def test_a_file_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(BaseModelRefused, match=r"no file c\.safetensors.*a\.safetensors, b\.safetensors"):
        choose_files(HubReference("owner/anime", file="c.safetensors"), {"a.safetensors": 1, "b.safetensors": 1})
