"""The four scripts, one after the other, as the 2019 README runs them: logs, files, hand-over."""

from __future__ import annotations

import re

import mxnet as mx
import numpy as np
import pytest

from script_runs import SMALL, run_here, run_script, write_sets
from unequal.training.inference import embedder

pytestmark = pytest.mark.slow

NUMBER = r"(?:-?\d+(?:\.\d+)?(?:e-?\d+)?)"
ACCURACY = r"[01]\.\d{5}"
LINES = [
    r"use cpu",
    r"num_layers 18",
    r"image_size \[16, 16\]",
    r"num_classes 6",
    r"Called with argument: Namespace\(.*batch_size=\d+.*ctx_num=1.*image_channel=3, image_h=16, "
    r"image_w=16.*num_classes=6, num_layers=18.*rescale_threshold=0.*\)",
    r"loading \['models/[a-z_]+', '\d+'\]",
    r"init resnet 18",
    r"0 1 E 3 prelu",
    r"INFO:root:loading recordio (head|tail)/train\.rec\.\.\.",
    r"<mxnet\.recordio\.MXIndexedRecordIO object at 0x[0-9a-f]+>",
    r"(header|header0|header0_1|header0_2) label \[ *\d+\. +\d+\.\]",
    r"id2range[12]? \d+",
    r"\d+",
    r"ori samples:  96",
    r"rand_mirror (1|True)",
    r"loading bin 0",
    r"\((40|24), 3, 16, 16\)",
    r"ver (lfw|agedb_30)",
    r"lr_steps \[\d+, \d+, \d+\]",
    r"call reset\(\)",
    r"first reset",
    r"loading models/model_t 0",
    r"all_layers: <Symbol group \[.*\]>",
    r"start bb,ba \d+ \d+",
    r"Initialize done:  96 \d+ \d+",
    r"call reset[12]\(\)",
    # ours: what the 2019 code died of
    r"INFO:unequal\.batches\.[a-z_]+:tail/train\.rec: 1 identities with fewer than 2 images "
    r"are not used",
    r"(cur1|seq1): \d+",
    r"interclass_oseq_reset",
    r"eval \d+ images\.\. \d+",
    r"INFO:root:Epoch\[\d+\] Batch \[\d+-\d+\]\tSpeed: \d+\.\d\d samples/sec"
    rf"(\t(acc|softmaxloss|softmaxloss2|interloss)=({NUMBER}))+",
    rf"INFO:root:Epoch\[\d+\] Train-(acc|softmaxloss|softmaxloss2|interloss)=({NUMBER})",
    r"INFO:root:Epoch\[\d+\] Time cost=\d+\.\d{3}",
    rf"lr-batch-epoch: {NUMBER} \d+ \d+",
    rf"lr change to {NUMBER}",
    r'INFO:root:Saved checkpoint to "models/[a-z_]+-\d{4}\.params"',
    r"testing verification\.\.",
    r"\[\('data', \(10, 3, 16, 16\)\)\]",
    r"\((40|24), 16\)",
    r"infer time \d+\.\d{6}",
    r"\[(lfw|agedb_30)\]\[\d+\]XNorm: \d+\.\d{6}",
    rf"\[(lfw|agedb_30)\]\[\d+\]Accuracy-Flip: {ACCURACY}\+-{ACCURACY}",
    r"saving \d+",
    rf"\[\d+\]Accuracy-Highest: {ACCURACY}( {ACCURACY} {ACCURACY})?",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """{script: log} of the whole sequence, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("run")
    write_sets(folder)
    head = "--data-dir head --per-batch-size 4"
    noise = f"{head} --lr 0.01 --noise-beta 0.9 --bin-dir src"
    commands = {
        "train_softmax.py": f"{head} --prefix models/model --end-epoch 2 --verbose 20 "
        "--lr-steps 30,40,50 --ckpt 2",
        "train_NR_savemodel.py": f"{noise} --prefix models/model_t --end-epoch 1 "
        "--pretrained models/model,2 --max-steps 1",
        "train_NR.py": f"{noise} --prefix models/model_nr --pretrained models/model_t,0 "
        "--max-steps 30 --verbose 10 --noise-threshold 0.2",
        "train_debug_soft_gs.py": "--data-dir head --data-dir-interclass tail --lr 0.001 "
        "--interweight 5 --bag-size 15 --batch-size1 6 --batchsize_id 6 --batch-size2 4 "
        "--prefix models/model_all --pretrained models/model_nr,0 --end-epoch 2 --max-steps 20 "
        "--verbose 6",
    }
    logs = {}
    for script, flags in commands.items():
        done = run_script(script, *SMALL, *flags.split(), folder=folder)
        assert done.returncode == 0, done.stdout
        logs[script] = done.stdout.splitlines()
    return logs, folder


def places(log, *patterns):
    """Where each pattern is first matched after the one before; fails if it is not."""
    found, start = [], 0
    for pattern in patterns:
        hits = [i for i in range(start, len(log)) if re.fullmatch(pattern, log[i])]
        assert hits, f"no line {pattern} after line {start}"
        found.append(hits[0])
        start = hits[0] + 1
    return found


SCRIPTS = ["train_softmax.py", "train_NR_savemodel.py", "train_NR.py", "train_debug_soft_gs.py"]


ONLY = {
    "train_softmax.py": ("header0 label", "call reset()"),
    "train_NR_savemodel.py": ("header0 label", "call reset()"),
    "train_NR.py": (
        "header label",
        "call reset()",
        "first reset",
        "all_layers",
        "start bb,ba",
        "Initialize done",
        "ori samples",
        "loading models/",
    ),
    "train_debug_soft_gs.py": (
        "header0_1",
        "header0_2",
        "id2range1",
        "id2range2",
        "call reset1()",
        "call reset2()",
        "cur1",
        "seq1",
        "interclass_oseq_reset",
        "eval ",
        "<mxnet",
        "[('data'",
    ),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_line_of_another_script(script, runs):
    foreign = {start for starts in ONLY.values() for start in starts} - set(ONLY[script])
    assert [line for line in runs[0][script] if line.startswith(tuple(foreign))] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_line_has_a_2019_format(script, runs):
    unknown = [
        line
        for line in runs[0][script]
        if not any(re.fullmatch(pattern, line) for pattern in LINES)
    ]
    assert unknown == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_settings_come_first_and_in_order(script, runs):
    log = runs[0][script]
    assert places(
        log, "use cpu", "num_layers 18", r"image_size .*", "num_classes 6", "Called with.*"
    ) == [0, 1, 2, 3, 4]
    places(
        log,
        "Called with.*",
        "init resnet 18",
        "0 1 E 3 prelu",
        "INFO:root:loading recordio.*",
        "loading bin 0",
        "ver lfw",
        "lr_steps.*",
    )


def test_lines_of_softmax_in_order(runs):
    log = runs[0]["train_softmax.py"]
    places(
        log,
        r"lr_steps \[30, 40, 50\]",
        r"call reset\(\)",
        r"INFO:root:Epoch\[0\] Batch \[0-20\].*acc=.*softmaxloss=.*",
        r"INFO:root:Epoch\[0\] Train-acc=.*",
        r"INFO:root:Epoch\[0\] Train-softmaxloss=.*",
        r"INFO:root:Epoch\[0\] Time cost.*",
        r"call reset\(\)",
        r"lr change to 0\.01",
        r"lr change to 0\.001",
        r"INFO:root:Epoch\[1\] Time cost.*",
    )
    places(
        log,
        r"INFO:root:Saved.*model-0000.*",
        "testing verification..",
        r"\(40, 16\)",
        "infer time.*",
        r"\[lfw\]\[20\]XNorm.*",
        r"\[lfw\]\[20\]Accuracy-Flip.*",
        "testing verification..",
        r"\[agedb_30\]\[20\]Accuracy-Flip.*",
        "saving 1",
        r"INFO:root:Saved.*model-0001.*",
        r"\[20\]Accuracy-Highest.*",
        r"\[lfw\]\[40\]Accuracy-Flip.*",
        "testing verification..",
        r"\(24, 16\)",
        r"\[agedb_30\]\[40\]XNorm.*",
        r"\[agedb_30\]\[40\]Accuracy-Flip.*",
        "saving 2",
    )
    assert log.count("call reset()") == 2
    assert log[-1].endswith('model-0000.params"')


def test_savemodel_saves_the_model_after_one_step(runs):
    logs, folder = runs
    log = logs["train_NR_savemodel.py"]
    test, save = places(log, r"\[lfw\]\[1\]Accuracy-Flip.*", "INFO:root:Saved.*model_t-0000.*")
    assert test < save and sum("Saved" in line for line in log) == 1
    assert not (folder / "models" / "model_t-0001.params").exists()


def test_noise_pass_of_noise_resistance(runs):
    logs, folder = runs
    log = logs["train_NR.py"]
    places(
        log,
        "header label.*",
        "id2range 6",
        "ori samples:  96",
        "rand_mirror 1",
        "first reset",
        "loading models/model_t 0",
        "all_layers.*",
        "start bb,ba 0 20",
        "start bb,ba 20 40",
        "start bb,ba 80 96",
        "start bb,ba 96 96",
        r"Initialize done:  96 \d+ \d+",
        r"\[lfw\]\[1\]XNorm.*",
        "INFO:root:Saved.*model_nr-0000.*",
        "testing verification..",
    )
    kept, dropped = map(int, re.search(r"done:  96 (\d+) (\d+)", "\n".join(log)).groups())
    rows = (folder / "src" / "0_noiselist.txt").read_text().splitlines()
    assert kept + dropped == 96 and len(rows) == dropped
    for row in rows:
        label, record, largest, of_label = row.split()
        assert 0 <= int(label) < 6 and 1 <= int(record) <= 96
        assert float(of_label) <= float(largest) < 0.2


def test_lines_of_unequal_in_order(runs):
    log = runs[0]["train_debug_soft_gs.py"]
    places(
        log,
        "header0_1 label.*",
        "id2range1 6",
        "INFO:root:loading recordio tail.*",
        "<mxnet.*>",
        "header0_2 label.*",
        "id2range2 8",
        "96",
        "rand_mirror True",
        r"lr_steps.*",
        r"call reset1\(\)",
        "cur1: 0",
        "seq1: 96",
        r"call reset2\(\)",
        "interclass_oseq_reset",
        r"eval \d+ images\.\. 0",
        r"lr-batch-epoch: 0.001 0 0",
        "testing verification..",
        r"\[\('data', \(10, 3, 16, 16\)\)\]",
        "INFO:root:Saved.*model_all-1000.*",
        r"INFO:root:Epoch\[0\] Batch \[0-2\].*acc=.*softmaxloss=.*interloss=.*",
        "INFO:root:Saved.*model_all-0000.*",
        "testing verification..",
        r"\[6\]Accuracy-Highest: \d\.\d{5} \d\.\d{5} 0.00000",
    )
    text = "\n".join(log)
    best = re.search(r"\[6\]Accuracy-Highest: (\S+) (\S+)", text).groups()
    measured = re.findall(r"\]\[6\]Accuracy-Flip: ([\d.]+)\+", text)
    assert list(best) == measured
    assert log.count("init resnet 18") == 2
    assert sum(line.startswith("lr-batch-epoch") for line in log) == 1


def test_max_steps_ends_after_one_more_batch(runs):
    """--max-steps 20 --verbose 6: tests after batches 1, 6, 12, 18; batch 21 is the last."""
    log = runs[0]["train_debug_soft_gs.py"]
    steps = [int(s) for s in re.findall(r"\[lfw\]\[(\d+)\]XNorm", "\n".join(log))]
    assert steps == [1, 6, 12, 18]
    log = runs[0]["train_NR.py"]
    assert [int(s) for s in re.findall(r"\[lfw\]\[(\d+)\]XNorm", "\n".join(log))] == [1, 10, 20, 30]
    assert sum("Speed" in line for line in log) >= 1


@pytest.mark.parametrize(
    "prefix,epoch", [("model", 2), ("model_t", 0), ("model_nr", 0), ("model_all", 0)]
)
def test_module_code_loads_each_checkpoint(prefix, epoch, runs):
    """As the lineage's deploy scripts do; the embedding equals our own forward."""
    from symbols import backbone

    path = str(runs[1] / "models" / prefix)
    symbol, args, aux = mx.model.load_checkpoint(path, epoch)
    module = mx.mod.Module(symbol.get_internals()["fc1_output"], label_names=None)
    images = np.random.RandomState(0).randint(0, 256, (4, 3, 16, 16)).astype(np.uint8)
    module.bind([("data", images.shape)], for_training=False)
    module.set_params(args, aux, allow_extra=True)
    module.forward(mx.io.DataBatch([mx.nd.array(images, dtype="float32")]), is_train=False)
    theirs = module.get_outputs()[0].asnumpy()
    network = backbone("r18", 16, width=0.125)
    network.initialize()
    network.infer_shape(mx.nd.zeros(images.shape))
    for name, parameter in network.collect_params().items():
        parameter.set_data({**args, **aux}[name])
    network.hybridize()
    ours = embedder(network, [mx.cpu()])(images)
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_module_code_trains_on_from_each_checkpoint(runs):
    """As the 2019 scripts do: the saved graph is a training graph."""
    for prefix, epoch, rows in (("model", 2, 4), ("model_t", 0, 4), ("model_all", 0, 12)):
        symbol, args, aux = mx.model.load_checkpoint(str(runs[1] / "models" / prefix), epoch)
        module = mx.mod.Module(symbol, label_names=["softmax_label"])
        module.bind([("data", (rows, 3, 16, 16))], [("softmax_label", (rows,))])
        module.init_params(mx.init.Uniform(), args, aux)
        module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.01})
        module.forward_backward(
            mx.io.DataBatch([mx.nd.ones((rows, 3, 16, 16)) * 99], [mx.nd.zeros((rows,))])
        )
        module.update()
        after, _ = module.get_params()
        assert not np.array_equal(after["fc7_weight"].asnumpy(), args["fc7_weight"].asnumpy())


def test_what_helps_a_user_who_forgot_something(runs):
    """Lines of ours on stderr: no model given, no verification set there, a useless threshold."""
    flags = [*SMALL, *"--data-dir head --per-batch-size 4 --max-steps 1".split()]
    no_target = "--target none --prefix other/m".split()
    done = run_here("train_NR_savemodel.py", *flags, *no_target, folder=runs[1])
    assert "WARNING:root:--pretrained is not given" in done.stdout
    assert "WARNING:root:head: holds none of the sets of --target none" in done.stdout
    useless = "--pretrained other/m,0 --prefix other/n --noise-threshold 0.1".split()
    done = run_here("train_NR.py", *flags, *useless, folder=runs[1])
    assert "WARNING:root:--noise-threshold 0.1 leaves nothing out: among 6 classes" in done.stdout


def test_older_names(runs):
    """The older README's script name is the same script."""
    done = run_script("train_relusoft_savemodel.py", "--help", folder=runs[1])
    assert done.returncode == 0 and "--noise-beta" in done.stdout
