"""`python -m eval.embed` and `python -m eval.identification`: files, tables, refusals."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from eval import embed, identification
from eval.embed_parts.embedding_files import files_of
from record_fixtures import encode, face, write_face_set
from unequal.support.errors import InputError

NETWORK = "r18narrow32_emb32"


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def model(golden, tmp_path) -> str:
    for name in ("symbol.json", "0000.params"):
        shutil.copy(golden / "a_nets" / f"{NETWORK}-{name}", tmp_path / f"model-{name}")
    return f"{tmp_path / 'model'},0"


@pytest.fixture
def run(capsys):
    def run(command, *arguments):
        status = command.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return run


def refusal(result) -> str:
    """The one line that it printed on stderr."""
    status, _, err = result
    lines = [line for line in err if line.startswith(("embed: ", "identification: "))]
    assert status == 2 and len(lines) == 1
    return lines[0]


def write_embeddings(path, rows, labels, names=None, kind="folder"):
    """The three files as eval.embed leaves them."""
    files = files_of(path)
    np.save(path, np.asarray(rows, np.float32))
    names = names or [f"{label}/{row}.jpg" for row, label in enumerate(labels)]
    lines = [f"{row},{label},{name}\n" for row, (label, name) in enumerate(zip(labels, names))]
    files.texts.write_text("row,label,name\n" + "".join(lines))
    files.about.write_text(json.dumps({"settings": {"kind": kind}, "unreadable": []}))
    return path


@pytest.fixture
def corners(tmp_path):
    """Gallery, probes and distractors: directions in a plane, by degrees."""

    def rows(*degrees):
        return np.stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))], axis=1)

    return (
        write_embeddings(tmp_path / "g.npy", rows(0, 20, 90), ["a", "a", "b"]),
        write_embeddings(tmp_path / "p.npy", 7 * rows(5, 60, 10), ["a", "b", "c"]),
        write_embeddings(tmp_path / "d.npy", rows(180, 55, 200), "xyz"),
    )


def test_embeddings_of_a_set_are_those_of_the_golden_network(golden, model, run, tmp_path):
    source = golden / "e_verification" / "lfw_py2_32px.bin"
    arguments = ("--model", model, "--input", source, "--output", tmp_path / "emb.npy")
    status, out, _ = run(embed, *arguments, "--flip", 0, "--batch-size", 50)
    assert status == 0 and out == [f"{tmp_path / 'emb.npy'}: 120 embeddings of bin {source}"]
    expected = np.load(golden / "e_verification" / "verification.npz")["lfw_py2_32px/embeddings"]
    found = np.load(tmp_path / "emb.npy")
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_embedding_again_says_that_all_is_there_and_other_flags_are_told(model, run, tmp_path):
    faces = write_face_set(tmp_path / "set", (2, 2), size=32, payloads={3: b"none"})
    arguments = ("--model", model, "--input", faces, "--output", tmp_path / "emb.npy")
    status, out, _ = run(embed, *arguments)
    assert status == 0 and "1 images cannot be decoded, their rows are NaN: 3 (" in out[-1]
    assert "is finished" in run(embed, *arguments)[1][0]
    line = refusal(run(embed, *arguments, "--flip", "0"))
    assert "emb.npy: was made with --flip 1, not 0" in line and "--fresh" in line
    assert run(embed, *arguments, "--flip", "0", "--fresh")[0] == 0
    (tmp_path / "model-0000.params").touch()
    assert "was made with a parameter file of" in refusal(run(embed, *arguments, "--flip", "0"))


@pytest.mark.parametrize(
    "change, told",
    [
        ({"--model": "absent,1"}, "absent-symbol.json: no such file"),
        ({"--input": "absent"}, "absent: no such file or folder"),
        ({"--output": "emb.txt"}, "ends in .npy"),
        ({"--output": "absent/emb.npy"}, "there is no folder absent"),
    ],
)
def test_wrong_flags_of_embedding_are_told(model, run, tmp_path, monkeypatch, change, told):
    monkeypatch.chdir(tmp_path)
    faces = write_face_set(tmp_path / "set", (2, 2), size=32)
    given = {"--model": model, "--input": faces, "--output": "emb.npy", **change}
    before = sorted(tmp_path.iterdir())
    assert told in refusal(run(embed, *(part for pair in given.items() for part in pair)))
    assert sorted(tmp_path.iterdir()) == before


def test_images_of_a_size_that_the_model_does_not_take(model, run, tmp_path):
    faces = write_face_set(tmp_path / "set", (2, 2), size=64)
    arguments = ("--model", model, "--input", faces, "--output", tmp_path / "emb.npy")
    assert "does not take images of 64x64" in refusal(run(embed, *arguments))


def test_the_table_and_the_file_of_a_gallery_with_distractors(corners, run, tmp_path):
    gallery, probes, distractors = corners
    arguments = ["--gallery", gallery, "--probes", probes, "--distractors", distractors]
    arguments += ["--ranks", "5", "--fars", "0.5,0.1,0.01", "--output", tmp_path / "r.json"]
    status, out, _ = run(identification, *arguments)
    assert status == 0
    # b's probe, at 60 degrees, has its mate at 90, behind the distractor at 55; c has no mate
    assert out[0].endswith("2 probes with a mate, 1 without")
    assert [line.split() for line in out[3:6]] == [
        ["1", "0.50000"],
        ["2", "1.00000"],
        ["5", "1.00000"],
    ]
    assert any("too few impostor pairs, 100 needed" in line for line in out)
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["cmc"] == [0.5, 1, 1, 1, 1] and result["rank1"] == 0.5
    assert result["genuine_pairs"] == 3 and result["impostor_pairs"] == 15
    # of 15 one may be above the second most similar, at 10 degrees: of 5, 15 and 30 only 5 is
    assert result["tar"] == {"0.5": 1.0, "0.1": pytest.approx(1 / 3), "0.01": None}


def test_each_mate_alone_among_distractors(corners, run, tmp_path):
    gallery, probes, distractors = corners
    arguments = ["--gallery", gallery, "--probes", probes, "--distractors", distractors]
    status, out, _ = run(identification, *arguments, "--protocol", "megaface")
    assert status == 0 and out[2].split()[-1] == "3"
    assert out[3].split() == ["1", "0.66667"]


@pytest.mark.parametrize("probes", [[], ["--probes"]])
def test_without_probes_the_gallery_is_searched_for_in_itself(corners, run, tmp_path, probes):
    gallery = corners[0]
    probes = probes and [*probes, tmp_path / "." / "g.npy"]
    status, out, _ = run(identification, "--gallery", gallery, *probes, "--memory", "1")
    assert status == 0 and out[0].endswith("2 probes with a mate, 1 without")
    assert out[3].split() == ["1", "1.00000"]


def test_images_on_noise_lists_are_left_out_and_counted(corners, run, tmp_path):
    gallery, probes, distractors = corners
    (tmp_path / "noise.txt").write_text("# FaceScrub\nb/2.jpg\nnobody/1.jpg\na/1\nc/2\n")
    (tmp_path / "outside.txt").write_text("y/1\n")
    status, out, _ = run(
        identification, "--gallery", gallery, "--probes", probes, "--distractors", distractors,
        "--noise-list", tmp_path / "noise.txt",
        "--distractor-noise-list", tmp_path / "outside.txt",
    )  # fmt: skip
    assert status == 0
    assert out[:3] == [
        "gallery: 2 images removed by the noise list; 2 of its 4 entries fit none",
        "probes: 1 images removed by the noise list; 3 of its 4 entries fit none",
        "distractors: 1 images removed by the noise list; 0 of its 1 entries fit none",
    ]
    assert "1 gallery, 2 probes, 2 distractors" in out[3]


def test_face_sets_are_embedded_first_and_kept_beside_the_result(model, run, tmp_path):
    faces = write_face_set(tmp_path / "set", (4, 4, 4), size=32)
    others = tmp_path / "photos"
    others.mkdir()
    (others / "1.png").write_bytes(encode(face(9, 9, 32), ".png"))
    arguments = ["--gallery", faces, "--distractors", others, "--model", model]
    status, _, _ = run(identification, *arguments, "--output", tmp_path / "result.json")
    assert status == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["images"] == {"gallery": 12, "probes": 12, "distractors": 1}
    kept = tmp_path / "result.gallery.npy", tmp_path / "result.distractors.npy"
    again = run(
        identification,
        "--gallery",
        kept[0],
        "--distractors",
        kept[1],
        "--output",
        tmp_path / "again.json",
    )
    assert again[0] == 0
    assert json.loads((tmp_path / "again.json").read_text())["cmc"] == result["cmc"]
    before = sorted(tmp_path.iterdir())
    assert run(identification, *arguments)[0] == 0
    assert sorted(tmp_path.iterdir()) == before


def test_wrong_files_are_told_in_one_line(corners, run, tmp_path):
    gallery, probes, distractors = corners

    def told(*arguments):
        return refusal(run(identification, *arguments))

    assert "give --model" in told("--gallery", tmp_path)
    assert "absent.npy: No such file" in told("--gallery", tmp_path / "absent.npy")
    assert "needs --distractors" in told(
        "--gallery", gallery, "--distractor-noise-list", tmp_path / "noise.txt"
    )
    assert "there is no such folder" in told(
        "--gallery", gallery, "--output", tmp_path / "absent" / "r.json"
    )
    assert "needs distractors" in told("--gallery", gallery, "--protocol", "megaface")
    np.save(tmp_path / "p.npy", np.ones((2, 2), np.float32))
    assert "p.csv: has 3 rows, p.npy 2" in told("--gallery", gallery, "--probes", probes)
    np.save(tmp_path / "p.npy", np.ones(4))
    assert "p.npy: holds float64 (4,)" in told("--gallery", gallery, "--probes", probes)
    (tmp_path / "p.npy").write_bytes(b"no numbers")
    assert "p.npy: truncated or no NPY" in told("--gallery", gallery, "--probes", probes)
    (tmp_path / "g.csv").unlink()
    assert "g.csv: No such file" in told("--gallery", gallery)
    lfw = write_embeddings(tmp_path / "lfw.npy", np.eye(2), ["pair-0", "pair-0"], kind="bin")
    assert "knows pairs but not who" in told("--gallery", lfw)


def test_called_by_a_program_it_names_its_flags_too(tmp_path):
    with pytest.raises(InputError, match="^--gallery faces: is no .npy file: give --model to"):
        identification.run(["--gallery", "faces"])


@pytest.mark.slow
def test_official_y1_finds_people_among_distractors(shared, run, tmp_path):
    # 12 people of the head with 10 images each, and 8 photos of nobody else
    from unequal.faces.face_records import FaceRecords

    real = shared / "real"
    for part, name, people, each in (("rec_head", "head", 12, 4), ("rec_tail", "tail", 30, 1)):
        records = FaceRecords(real / part)
        for person, (first, _) in enumerate(records.identities[:people].tolist()):
            folder = tmp_path / name / str(person)
            folder.mkdir(parents=True)
            for key in range(first, first + each):
                (folder / f"{key}.jpg").write_bytes(records.read(key)[1])
        records.close()
    status, out, _ = run(
        identification, "--gallery", tmp_path / "head", "--distractors", tmp_path / "tail",
        "--model", f"{real}/y1/model,0",
    )  # fmt: skip
    rank1 = next(line for line in out if line.split()[:1] == ["1"])
    assert status == 0 and float(rank1.split()[1]) >= 0.97
