"""Loading a folder: every file is read or listed with the reason, and is one source document."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from docx import Document as WordDocument
from fpdf import FPDF
from llama_index.core.node_parser.text.utils import split_by_sentence_tokenizer
from llama_index.core.schema import MetadataMode, NodeRelationship

from llama_index_rerank_tuner.errors import ConfigError, DataError, MissingExtraError
from llama_index_rerank_tuner.questions import load_documents, reading
from llama_index_rerank_tuner.questions.sentences import sentences

HTML = """<html><head><title>Fees</title><style>p {color: red}</style></head><body><h1>Fee table</h1>
<p>A permit costs <b>40</b> crowns.</p><table><tr><td>Dog</td><td>10</td></tr></table>
<script>var hidden = 1;</script></body></html>"""


def _pdf(path: Path, pages: list[str], password: str | None = None) -> None:
    pdf = FPDF()
    pdf.set_font("helvetica")
    for page in pages:
        pdf.add_page()
        if page:
            pdf.cell(text=page)
    if password is not None:
        pdf.set_encryption(owner_password=password, user_password=password)
    pdf.output(str(path))


def _word(path: Path, paragraphs: list[str]) -> None:
    document = WordDocument()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    document.save(str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfA permit costs 40 crowns.")
    (tmp_path / "sub" / "b.md").write_text("# Dogs\nA [licence](http://x) is due.\n\n# Cats\nNo licence.", "utf-8")
    (tmp_path / "sub" / "deep" / "c.html").write_text(HTML, "utf-8")
    _pdf(tmp_path / "d.PDF", ["First page of the guide.", "Second page of the guide."])
    _word(tmp_path / "e.docx", ["Who may apply?", "Firms under 50 staff."])
    return tmp_path


def test_every_kind_of_file_is_read(folder: Path) -> None:
    nodes, report = load_documents(folder)
    texts = {node.node_id: node.get_content() for node in nodes}
    assert texts.pop("e.docx#0").split() == "Who may apply? Firms under 50 staff.".split()  # noqa: SIM905
    assert texts == {
        "a.txt#0": "A permit costs 40 crowns.",
        "d.PDF/0#0": "First page of the guide.",
        "d.PDF/1#0": "Second page of the guide.",
        "sub/b.md/0#0": "A licence is due.",
        "sub/b.md/1#0": "No licence.",
        "sub/deep/c.html#0": "Fee table\n\nA permit costs 40 crowns.\n\nDog 10",
    }
    assert report.files == {"a.txt": 1, "d.PDF": 2, "e.docx": 1, "sub/b.md": 2, "sub/deep/c.html": 1}
    assert (report.nodes, report.skipped) == (7, {})


def test_a_file_is_one_source_and_its_nodes_are_linked(folder: Path) -> None:
    nodes = {node.node_id: node for node in load_documents(folder)[0]}
    first, second = nodes["d.PDF/0#0"], nodes["d.PDF/1#0"]
    assert (first.ref_doc_id, second.ref_doc_id) == ("d.PDF", "d.PDF")
    assert first.next_node is not None
    assert first.next_node.node_id == second.node_id
    assert second.prev_node is not None
    assert second.prev_node.node_id == first.node_id
    assert NodeRelationship.PREVIOUS not in first.relationships
    assert second.metadata == {"file_path": "d.PDF", "page_label": "2"}
    assert second.get_content(MetadataMode.EMBED) == "Second page of the guide."
    assert nodes["sub/b.md/0#0"].get_content(MetadataMode.EMBED) == "section: Dogs\n\nA licence is due."
    assert nodes["sub/deep/c.html#0"].metadata["title"] == "Fees"


def test_reading_again_gives_the_same_nodes(folder: Path) -> None:
    first, again = load_documents(folder)[0], load_documents(folder)[0]
    assert [(n.node_id, n.hash, n.relationships) for n in first] == [
        (n.node_id, n.hash, n.relationships) for n in again
    ]


def test_what_cannot_be_read_is_listed_with_the_reason(folder: Path) -> None:
    (folder / "gbk.txt").write_bytes("谁可以申请补贴？企业可以申请。".encode("gbk"))
    (folder / "picture.xyz").write_bytes(b"\x00")
    (folder / "README").write_text("text")
    (folder / ".hidden").mkdir()
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "broken.docx").write_bytes(b"no zip")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "rule.txt").write_text("-----")
    (folder / "gone.txt").symlink_to(folder / "nowhere.txt")
    _pdf(folder / "locked.pdf", ["Secret."], password="key")
    _pdf(folder / "scan.pdf", [""])
    nodes, report = load_documents(folder)
    assert len(nodes) == 7
    reasons = report.skipped
    assert set(reasons) == {
        "gbk.txt", "picture.xyz", "README", ".hidden", "broken.pdf", "broken.docx", "empty.txt", "rule.txt", "gone.txt",
        "locked.pdf", "scan.pdf",
    }  # fmt: skip
    assert "GBK or GB18030" in reasons["gbk.txt"]
    assert reasons["picture.xyz"] == "the suffix '.xyz' is not read"
    assert reasons["README"] == "a file without a suffix is not read"
    assert (reasons[".hidden"], reasons["gone.txt"]) == ("it is hidden", "it is no regular file")
    assert reasons["broken.docx"] == "it is damaged or no Word file"
    assert "cannot be read (" in reasons["broken.pdf"]
    assert reasons["locked.pdf"] == "it is encrypted"
    assert reasons["scan.pdf"] == "it holds no text (a scan?)"
    assert (reasons["empty.txt"], reasons["rule.txt"]) == ("it holds no text", "it holds no words")
    assert f"skipped locked.pdf: {reasons['locked.pdf']}" in str(report)


def test_a_link_to_a_folder_is_listed_and_not_followed(folder: Path) -> None:
    (folder / "sub" / "around").symlink_to(folder)
    nodes, report = load_documents(folder)
    assert (len(nodes), report.skipped) == (7, {"sub/around": "it is a link to a folder"})


def test_the_front_matter_of_a_page_is_no_text_of_it(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("---\ntitle: Dogs\ndraft: true\n---\nA licence is due.\n", "utf-8")
    (tmp_path / "rule.md").write_text("---\nA rule above, none below.", "utf-8")
    texts = [node.get_content() for node in load_documents(tmp_path)[0]]
    assert texts == ["A licence is due.", "---\nA rule above, none below."]


def test_long_chinese_text_is_cut_at_the_ends_of_sentences(tmp_path: Path) -> None:
    text = "".join(f"第{number}条,企业应当在五月底前向税务机关申报研发费用。" for number in range(60))
    (tmp_path / "law.txt").write_text(text, "utf-8")
    nodes, _ = load_documents(tmp_path, chunk_size=128)
    contents = [node.get_content() for node in nodes]
    assert len(contents) > 5
    assert "".join(contents) == text
    assert all(content.startswith("第") and content.endswith("。") for content in contents)


def test_sentences_of_mixed_text_join_to_the_text() -> None:
    text = "Li came. He left!\n他走了。“真的？”是的！The end."
    cut = sentences(text, split_by_sentence_tokenizer())
    assert "".join(cut) == text
    assert [each.strip() for each in cut if each.strip()] == [
        "Li came.", "He left!", "他走了。", "“真的？”", "是的！", "The end.",
    ]  # fmt: skip


def test_a_folder_without_anything_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load_documents(tmp_path / "nowhere")
    (tmp_path / "a.xyz").write_text("a")
    with pytest.raises(DataError, match=r"(?s)nothing in it could be read.*skipped a\.xyz: the suffix"):
        load_documents(tmp_path)
    with pytest.raises(ConfigError, match="chunk_overlap"):
        load_documents(tmp_path, chunk_size=10, chunk_overlap=10)


def test_a_missing_reader_package_names_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "find_spec", lambda name: None if name == "docx2txt" else sys.modules.get(name, name))
    with pytest.raises(MissingExtraError, match=r"Word files.*rerank-tuner\[documents\]"):
        load_documents(folder)
