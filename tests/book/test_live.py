"""The live page: what its script computes, beside PyTorch and `equivar`; and the page in a browser.

Skipped where there is no node, or no Chromium (CHROME names one that is not found by itself).
"""

import base64
import json
import re
import shutil
import subprocess

import live_page
import numpy as np
import pytest
import torch
import twin
from browser import CHROME, chromium
from places import ROOT
from schedules import TASKS

import equivar
from equivar.chapters import c04_tasks
from equivar.measure.correction import corrected
from equivar.networks import build
from equivar.similarity import pairwise

LIVE = ROOT / "book" / "_static" / "live"
NODE = shutil.which("node")
with_node = pytest.mark.skipif(not NODE, reason="no node is found, which runs the page's script")
with_browser = pytest.mark.skipif(not CHROME, reason="no Chromium or Chrome is found; see CHROME")
CLOSE = 1e-4
LAYERS = [f"layers.{depth}" for depth in range(7)]
TRAINED, UNTRAINED = (0, 2, 4), 3  # among the networks of the page
TURNS = [{"turns": k, "dy": 0, "dx": 0} for k in (1, 2, 3)]
SHIFTS = [{"turns": 0, "dy": d, "dx": d} for d in (1, 2, 3, 8, -3)]

# For each of ASKED, [network, digit, transformation]: the maps of x and of T x, then for each layer
# S of all pairs of channels, invariance and equivariance; all as one row of float32.
COMPUTED = """
const [folder, target, asked] = process.argv.slice(1);
const live = require(folder + "/live.js"), data = require(folder + "/weights.js");
const pixels = live.bytesOf(data.digits.pixels), rows = [];
for (const [number, digit, t] of JSON.parse(asked)) {
  const network = live.networkOf(data.networks[number], data.layers);
  const x = live.normalised(pixels.slice(digit * 784, (digit + 1) * 784), data);
  const fx = live.forward(network, x), gx = live.forward(network, live.transformed(x, t));
  rows.push(...fx, ...gx);
  data.layers.slice(0, 7).forEach((layer, depth) => {
    const { s, own, best } = live.scoredLayer(fx[depth], gx[depth], layer, t, null);
    rows.push(...(s || Array(20).fill(Array(20).fill(NaN))), [live.mean(own), live.mean(best)]);
  });
}
require("fs").writeFileSync(target, new Float32Array(rows.flatMap(row => Array.from(row))));
"""


@pytest.fixture(scope="module")
def data():
    """What the page's data file holds."""
    return content_of(LIVE / "weights.js")


def content_of(path):
    return json.loads(re.search(r"const LIVE_DATA = (.*?);\nif ", path.read_text(), re.DOTALL)[1])


def raw(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def digit(data, number):
    """A digit of the page as a network takes it, (1, 1, 28, 28)."""
    pixels = raw(data["digits"]["pixels"], np.uint8).reshape(-1, 1, 1, 28, 28)[number]
    return (torch.tensor(pixels, dtype=torch.float32) / 255 - data["mean"]) / data["std"]


def network(data, number):
    """One of the page's networks in PyTorch, with the weights that the page has."""
    entry = data["networks"][number]
    model = build("cnn7", num_classes=len(entry["classes"]), in_channels=1)
    values, at = torch.tensor(raw(entry["weights"], np.float16).astype(np.float32)), 0
    for name, into in model.state_dict().items():
        if "num_batches" not in name:
            into.copy_(values[at : at + into.numel()].view_as(into))
            at += into.numel()
    assert at == len(values)
    return model.eval()


def maps_of(model, image):
    """The maps of the nine layers, (C, H, W) each."""
    found = []
    named = [*model.layers, model.pool, model.linear]
    hooks = [module.register_forward_hook(lambda *a: found.append(a[2][0])) for module in named]
    with torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    return [one.reshape(*one.shape, *[1] * (3 - one.ndim)) for one in found]


def moved(image, t):
    turned = torch.rot90(image, t["turns"], (-2, -1))
    return equivar.Shift(t["dy"]).on_images(turned)


def compared(fx, gx, t, stride):
    """S of a layer, (C, C), as the literal twin pairs the cells; NaN where there is none."""
    maps = np.rot90(fx.numpy(), t["turns"], (1, 2)), gx.numpy()
    f, g = twin.pair_maps(*maps, ("shift", t["dy"]), (stride, stride), "zero", "bilinear")
    if not f.size:
        return np.full((len(fx), len(fx)), np.nan)
    g, f = (torch.tensor(np.ascontiguousarray(z))[None, :, None] for z in (g, f))
    return pairwise(g, f)[0].numpy()


@with_node
@pytest.mark.parametrize("number", [*TRAINED, UNTRAINED])
def test_the_script_computes_what_pytorch_and_the_measure_do(data, number, tmp_path):
    both = {"turns": 1, "dy": 2, "dx": 2}
    asked = [[number, 3, t] for t in [*TURNS, *SHIFTS, both]]
    target = tmp_path / "rows"
    command = [NODE, "-e", COMPUTED, str(LIVE), str(target), json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    values, at = np.fromfile(target, np.float32), 0
    model, image = network(data, number), digit(data, 3)
    fxs, scores = maps_of(model, image), []
    for _, _, t in asked:
        gxs = maps_of(model, moved(image, t))
        for maps in (*fxs, *gxs):
            mine, at = values[at : at + maps.numel()], at + maps.numel()
            np.testing.assert_allclose(mine, maps.flatten(), atol=CLOSE, rtol=CLOSE)
        for fx, gx, layer in zip(fxs[:7], gxs[:7], data["layers"][:7], strict=True):
            s = compared(fx, gx, t, layer["stride"])
            mine, at = values[at : at + 402], at + 402
            np.testing.assert_allclose(mine[:400].reshape(20, 20), s, atol=CLOSE)
            scores.append(mine[400:])
    assert at == len(values)
    told = measured(model, image)
    found = np.array(scores).reshape(len(asked), 7, 2)[: len(TURNS + SHIFTS)]
    np.testing.assert_allclose(found, told, atol=CLOSE)


def measured(model, image):
    """Invariance and equivariance by `equivar.measure`: (transformations, 7 layers, 2)."""
    transforms = [equivar.Rotation(t["turns"]) for t in TURNS]
    transforms += [equivar.Shift(t["dy"]) for t in SHIFTS]
    table = equivar.measure(
        model, image, transforms, layers=LAYERS, match="image", chance=False, progress=False
    )
    wide = table.pivot_table(
        index=["transform", "layer"], columns="kind", values="score", dropna=False
    )
    order = [(transform.name, layer) for transform in transforms for layer in LAYERS]
    wide = wide.reindex(order)[["invariance", "equivariance"]]
    return wide.to_numpy().reshape(len(transforms), 7, 2)


KNOWN = """
const live = require(process.argv[1] + "/live.js"), data = require(process.argv[1] + "/weights.js");
const known = data.networks.map(entry => live.networkOf(entry, data.layers).known.map(of =>
  of.map(one => [one.own, one.ownChance, one.best, one.bestChance].map(live.mean))));
const corrected = live.corrected([0.5, 0.2, 0.9, NaN], [0.1, 0.97, NaN, 0.2]);
console.log(JSON.stringify({ known, corrected }));
"""


@with_node
def test_what_is_known_over_the_data_set_is_read_as_it_was_written(data):
    """The mean over channels of what is packed is the layer's score in the table beside it."""
    done = subprocess.run([NODE, "-e", KNOWN, str(LIVE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for entry, layers in zip(data["networks"], found["known"], strict=True):
        told = np.array(entry["layers"], float)[:, :, [0, 1, 3, 4]]
        # invariance is a mean over images first, so that undefined maps make a small difference
        np.testing.assert_allclose(np.array(layers, float), told, atol=0.06)
        np.testing.assert_allclose(np.array(layers, float)[..., 2:], told[..., 2:], atol=1e-3)
    want = corrected(torch.tensor([0.5, 0.2, 0.9]), torch.tensor([0.1, 0.97, torch.nan]))
    assert found["corrected"] == pytest.approx(want.item())


def test_the_networks_are_small_and_say_what_made_them(data):
    files = [path for path in LIVE.iterdir() if path.suffix in (".js", ".css")]
    assert sum(path.stat().st_size for path in files) < 1.5e6
    assert [entry["task"] for entry in data["networks"][::2]] == ["plain", "rot-inv", "rot-eq"]
    head = (LIVE / "weights.js").read_text()[:400]
    assert all(name in head for name in data["about"]["runs"].values())
    assert sorted(data["digits"]["names"]) == sorted("234579" * 2)


def test_the_tool_takes_the_lowest_seed_with_all_weights(small_runs, tasks, monkeypatch, tmp_path):
    runs = c04_tasks.runs(c04_tasks.Parameters(**TASKS))
    for name, value in {
        "runs_of": lambda *_: runs, "ROOT": tmp_path, "TARGET": tmp_path / "live" / "weights.js",
        "IMAGES": 20, "FOR_STATISTICS": 200, "TRANSFORMS": "rotation-90, shift-8",
    }.items():  # fmt: skip
        monkeypatch.setattr(live_page, name, value)
    monkeypatch.setenv("EQUIVAR_RUNS", str(small_runs.root))
    assert live_page.main([]) == 0
    made = content_of(live_page.TARGET)
    assert made["about"]["seed"] == 0 and len(made["networks"]) == 6
    assert len(made["digits"]["names"]) == 12
    run = small_runs.find(next(one.spec for one in runs if one.task == "rot-eq"), weights=True)
    state = network(made, 4).state_dict()
    for name, value in run.weights().items():
        if "num_batches" not in name:
            assert torch.equal(state[name], value.half().float())


def test_the_tool_says_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("EQUIVAR_RUNS", str(tmp_path))
    monkeypatch.setattr(live_page, "TARGET", tmp_path / "weights.js")
    assert live_page.main(["--profile", "quick"]) == 1
    assert "no seed of 04-mnist6-tasks under quick has all its weights" in capsys.readouterr().err
    assert not live_page.TARGET.exists()


# The page in a browser.

FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
X, TX = (f"document.getElementById('live-{name}').toDataURL()" for name in ("x", "tx"))
MAPS = """[...document.querySelectorAll('.live-card')].map(card =>
  [...card.querySelectorAll('canvas')].map(canvas => canvas.toDataURL()))"""
TEXT = "document.getElementById('live-{}').textContent"


@pytest.fixture(scope="module")
def tab():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page's own HTML without the book, beside its files as in the book."""
    root = tmp_path_factory.mktemp("a book")
    text = (ROOT / "book" / "live.md").read_text()
    [raw_html] = re.findall(r"```\{raw\} html\n(.*?)\n```", text, re.DOTALL)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    (root / "book").mkdir()
    (root / "book" / "live.html").write_text(f"<!doctype html>{head}<title>Live</title>{raw_html}")
    shutil.copytree(LIVE, root / "_static" / "live")
    return root


@pytest.fixture
def page(tab, folder):
    """The page, just opened; nothing may go wrong or be asked for from outside until its end."""
    tab.size(1280)
    tab.open((folder / "book" / "live.html").as_uri())
    tab.until("!document.getElementById('live').hidden")
    yield tab
    assert not tab.complaints
    assert {address.partition(":")[0] for address in tab.requests} <= {"file", "data"}


def click(page, selector):
    page.evaluate(f"document.querySelector({selector!r}).click()")
    page.evaluate(FRAME)


def table(page):
    """The numbers above the chart: invariance and equivariance, six each."""
    texts = page.evaluate(
        "[...document.querySelectorAll('.live-table tbody td')].map(cell => cell.textContent)"
    )
    return [float("nan") if t == "–" else float(t.replace("−", "-")) for t in texts]


def mouse(page, selector, *places):
    """Press the mouse on an element and draw it along places, in shares of its width and height."""
    page.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
    box = page.evaluate(f"""(() => {{ const box =
        document.querySelector({selector!r}).getBoundingClientRect();
        return [box.x, box.y, box.width, box.height]; }})()""")
    at = [(box[0] + x * box[2], box[1] + y * box[3]) for x, y in places]
    kinds = ["mousePressed", *["mouseMoved"] * (len(at) - 1), "mouseReleased"]
    for kind, (x, y) in zip(kinds, [*at, at[-1]], strict=True):
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    page.evaluate(FRAME)


@with_browser
def test_a_turn_changes_the_maps_and_four_lead_back(page):
    untouched, before, maps = page.evaluate(X), page.evaluate(TX), page.evaluate(MAPS)
    for _ in range(3):
        click(page, "[data-move=left]")
        assert page.evaluate(X) == untouched and page.evaluate(TX) != before
        now = page.evaluate(MAPS)
        assert sum(g != old for (_, g), (_, old) in zip(now, maps, strict=True)) > 15
    click(page, "[data-move=left]")
    assert page.evaluate(TX) == before and page.evaluate(MAPS) == maps
    times = []
    for move in ("left", "right") * 3:
        click(page, f"[data-move={move}]")
        times.append(float(page.evaluate("document.getElementById('live').dataset.ms")))
    assert min(times) < 50, times  # the best of six: tests may run beside other work


@with_browser
def test_keys_turn_and_move(page):
    start = page.evaluate(TX)
    page.evaluate("document.getElementById('live-tx').focus()")
    for key, code, words in (
        ("ArrowLeft", 37, "a half"), ("ArrowRight", 39, "a quarter to the left"),
        ("Home", 36, "untouched"), ("ArrowDown", 40, "1 px down, right"),
        ("ArrowUp", 38, "untouched"), ("ArrowLeft", 37, "a quarter to the left"),
    ):  # fmt: skip
        page.press(key, code)
        page.evaluate(FRAME)
        assert page.evaluate(TEXT.format("transform")) == words
    assert page.evaluate(TX) == start and page.evaluate("scrollY") == 0
    reached, group = set(), "document.activeElement.closest('div[class]')?.className"
    for _ in range(60):
        page.press("Tab", 9)
        reached.add(page.evaluate(group))
    assert {"live-digits", "live-moves", "live-channels"} <= reached


@with_browser
def test_a_digit_is_drawn(page):
    click(page, ".live-empty")
    assert "drawing is empty" in page.evaluate(TEXT.format("warn"))
    assert page.evaluate("document.querySelectorAll('.live-bar:not(.live-undefined)').length") == 0
    mouse(page, "#live-x", (0.3, 0.2), (0.7, 0.2), (0.7, 0.4), (0.4, 0.9))
    assert page.evaluate(TEXT.format("warn")) == ""
    assert page.evaluate(TEXT.format("answer")).startswith("7")
    assert table(page)[6] > 0.4
    mouse(page, "#live-tx", (0.2, 0.2), (0.5, 0.5))
    assert "px" in page.evaluate(TEXT.format("transform"))
    assert "not measured over the data set" in page.evaluate(TEXT.format("warn"))


@with_browser
def test_layers_networks_and_the_switch(page, data):
    click(page, "[data-try=deep]")
    assert page.evaluate("document.querySelector('.live-card canvas').width") == 2
    single = table(page)
    click(page, "#live-match [data-value=dataset]")
    pooled = table(page)
    assert single[6] > 0.8 and single[7] > 0.8 > pooled[6]  # equivariance of this image, chance
    known = data["networks"][4]["layers"][6][0]
    assert single[9:] == pytest.approx(known[6:], abs=0.006)
    assert [*pooled[3:6], *pooled[9:]] == pytest.approx(known[:6], abs=0.006)
    mouse(page, "#live-chart", (0.95, 0.5))
    assert len(page.evaluate(MAPS)) == 24 and "one cell" in page.evaluate(TEXT.format("warn"))
    click(page, "#live-task [data-value=plain]")
    assert len(page.evaluate(MAPS)) == 6
    click(page, "#live-layer [data-value='2']")
    trained = page.evaluate(MAPS)
    click(page, "#live-trained [data-value=no]")
    assert len(trained) == 20 and page.evaluate(MAPS) != trained


@with_browser
def test_a_channel_lights_up_its_match(page, data):
    click(page, "[data-try=partner]")
    groups = data["networks"][4]["orbits"].get("layers.0", [])
    ends = """['from', 'to'].map(end =>
        document.querySelector('.live-' + end).getAttribute('data-channel'))"""
    chosen, match = map(int, page.evaluate(ends))
    orbit = next((group["members"] for group in groups if group["kind"] == "orbit"), None)
    if orbit:
        assert (chosen, match) == tuple(orbit[:2])
        assert page.evaluate("!!document.querySelector('.live-from .live-head').textContent")
    assert page.evaluate("!document.querySelector('.live-line line').hasAttribute('hidden')")
    page.evaluate("document.querySelectorAll('.live-card')[5].focus()")
    assert page.evaluate(ends)[0] == "5"
    label = page.evaluate("document.querySelectorAll('.live-card')[5].getAttribute('aria-label')")
    assert re.match(r"channel 5, G with its own F .*, with its match F \d+ .*, chance", label)


@with_browser
def test_what_leaves_the_image_is_said(page):
    page.evaluate("document.getElementById('live-tx').focus()")
    for _ in range(24):
        page.press("ArrowDown", 40)
    page.evaluate(FRAME)
    assert "moved out of the image" in page.evaluate(TEXT.format("warn"))
    assert "no score" in page.evaluate(TEXT.format("say"))


@with_browser
def test_a_phone_shows_it_without_scrolling_sideways(page):
    page.size(390)
    page.until("document.documentElement.clientWidth <= 390")
    script = "(scrollTo(1e4, 0), [scrollX, document.documentElement.scrollWidth])"
    assert page.evaluate(script) == [0, 390]
    before = page.evaluate(X)
    page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    box = page.evaluate("""(() => { const canvas = document.getElementById('live-x');
        canvas.scrollIntoView(); const { x, y } = canvas.getBoundingClientRect();
        return [x, y]; })()""")
    for kind, by in (("touchStart", 20), ("touchMove", 60), ("touchEnd", None)):
        points = [] if by is None else [{"x": box[0] + by, "y": box[1] + by}]
        page.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)
    page.evaluate(FRAME)
    assert page.evaluate(X) != before


@with_browser
def test_without_its_networks_the_page_says_so(tab, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "book")
    (tmp_path / "book" / "_static" / "live" / "weights.js").unlink()
    tab.open((tmp_path / "book" / "book" / "live.html").as_uri())
    assert "networks of this page are missing" in tab.evaluate(TEXT.format("none"))
    assert tab.evaluate("document.getElementById('live').hidden")
