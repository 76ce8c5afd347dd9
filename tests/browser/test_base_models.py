"""Base models in the page (C1 to C4): brought over a line that is cut, refused with the reason, found, deleted."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.cut_line import slow_line
from tests.browser.test_uploads import CUT_OFF, MIB, has_half, offsets_of
from tests.unit.base_models.checkpoints import checkpoint


def test_a_base_model_comes_over_a_cut_line_and_is_listed_described_and_deleted(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    """The second one of the same name gets a number, since nobody wants to send it twice."""
    file = tmp_path / "pony_v6.safetensors"
    header = checkpoint({"modelspec.title": "Pony Diffusion", "modelspec.license": "Fair AI"}, xl=True, padding=5 * MIB)
    file.write_bytes(header)
    with slow_line(studio.port, 2 * MIB) as line:
        page = open_page(line, path="/?tab=base_models", allowed=(*CUT_OFF, "422"))  # 422: the name is taken
        offsets = offsets_of(page)
        page.get_by_role("button", name="ベースモデルを追加").click()
        page.locator("input[type=file]").set_input_files(file)
        wait_until(lambda: has_half(studio))
        line.cut()
        expect(page.get_by_text("回線が切れました", exact=False)).to_be_visible()
        line.mend()
        expect(page.get_by_text("「Pony Diffusion」を追加しました。", exact=False)).to_be_visible()
        assert max(offsets) > 0
        page.locator("input[type=file]").set_input_files(file)
        expect(page.get_by_text("「pony_v6 2」として追加しました", exact=False)).to_be_visible()

        page.get_by_placeholder("名前・メモ・派生で検索").fill("pony")
        expect(page.get_by_text("2 件", exact=True)).to_be_visible()
        page.get_by_role("button", name="pony_v6 2 の詳細").click()
        dialog = page.get_by_role("dialog")
        for words in ("Pony", "SDXL", "Fair AI", "自分で追加"):
            expect(dialog.get_by_text(words).first).to_be_visible()
        dialog.get_by_role("button", name="このベースモデルを削除").click()
        dialog.get_by_role("button", name="削除", exact=True).click()
        expect(page.get_by_text("1 件", exact=True)).to_be_visible()
    assert studio.get("/uploads") == []


def test_what_is_no_base_model_is_refused_before_it_is_sent(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(studio, path="/?tab=base_models")
    page.get_by_role("button", name="ベースモデルを追加").click()
    names = ("anime.ckpt", "half.safetensors")
    for name in names:
        (tmp_path / name).write_bytes(b"\x80\x02" * 40)
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in names])
    expect(page.get_by_text("pickle", exact=False)).to_be_visible()
    expect(page.get_by_text("ファイルが壊れているか", exact=False)).to_be_visible()
    assert studio.get("/uploads") == []


def test_a_base_model_is_found_looked_at_and_chosen_from_the_dataset_page(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    """C2: behind "choose more", on a phone; what was chosen stays chosen when the page is opened again."""
    file = tmp_path / "kaki_v1.safetensors"
    file.write_bytes(checkpoint({"modelspec.title": "Kaki Anime", "modelspec.license": "CC0"}))
    studio.post("/base-models", {"path": str(file)})
    dataset = studio.post("/datasets/samples", {"name": "mame"})["id"]
    page = open_page(studio, path=f"/datasets/{dataset}", width=390, height=844, touch=True)
    picker = page.get_by_role("combobox", name="ベースモデル").or_(page.get_by_role("textbox", name="ベースモデル"))
    expect(picker).not_to_have_value("")
    page.get_by_role("button", name="ほかを選ぶ").click()
    dialog = page.get_by_role("dialog", name="ベースモデルを選ぶ")
    dialog.get_by_placeholder("名前・メモ・派生で検索").fill("kaki")
    expect(dialog.get_by_text("1 件", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Kaki Anime の詳細").click()
    detail = page.get_by_role("dialog", name="Kaki Anime")
    expect(detail.get_by_text("CC0").first).to_be_visible()
    expect(detail.get_by_text("SD1.5").first).to_be_visible()
    detail.get_by_role("button", name="閉じる").first.click()
    expect(detail).to_have_count(0)
    dialog.get_by_role("button", name="Kaki Anime を選ぶ").click()
    expect(dialog).to_have_count(0)
    expect(picker).to_have_value("Kaki Anime")
    page.reload()
    expect(picker).to_have_value("Kaki Anime")
    page.get_by_role("button", name="ほかを選ぶ").click()
    dialog.get_by_placeholder("名前・メモ・派生で検索").fill("kaki")
    expect(dialog.get_by_role("button", name="選択中")).to_be_disabled()


def test_what_is_typed_of_a_base_model_is_lost_only_after_a_question(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    """Escape asks in whichever dialog it lies, and what is stayed with is saved as it was typed."""
    file = tmp_path / "momo_v1.safetensors"
    file.write_bytes(checkpoint({"modelspec.title": "Momo"}))
    model = studio.post("/base-models", {"path": str(file)})["id"]
    dataset = studio.post("/datasets/samples", {"name": "mame"})["id"]
    page = open_page(studio, path=f"/datasets/{dataset}")
    page.get_by_role("button", name="ほかを選ぶ").click()
    page.get_by_placeholder("名前・メモ・派生で検索").fill("momo")
    opener = page.get_by_role("button", name="Momo の詳細")
    opener.click()
    detail = page.get_by_role("dialog", name="Momo", exact=True)
    question = page.get_by_role("dialog", name="保存していない変更があります")
    notes = detail.get_by_role("textbox", name="メモ")
    notes.fill("桃色が強い")
    page.keyboard.press("Escape")
    question.get_by_role("button", name="入力を続ける").click()
    expect(question).to_have_count(0)
    page.keyboard.press("Escape")
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    expect(notes).to_have_value("桃色が強い")
    detail.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_text("保存しました。")).to_be_visible()
    assert studio.get(f"/base-models/{model}")["notes"] == "桃色が強い"

    notes.fill("やめた")
    detail.get_by_role("button", name="閉じる").click()
    question.get_by_role("button", name="保存せずに閉じる").click()
    expect(detail).to_have_count(0)
    opener.click()
    expect(notes).to_have_value("桃色が強い")
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    expect(page.get_by_role("dialog", name="ベースモデルを選ぶ")).to_be_visible()
