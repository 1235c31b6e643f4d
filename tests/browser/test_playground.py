"""The playground in a real browser: what a reader sees of it, does with it, and is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import lab
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playground_losses import ours
from playwright.sync_api import Browser, Page, expect

from anl_edu import playground
from anl_edu.playground.frame import Frame
from anl_edu.playground.state import SETTINGS, complete

pytestmark = pytest.mark.browser

NOW = "[performance.now(), playground.epoch]"
LOSSES = sorted(SETTINGS["losses"])
WIDTHS: list[tuple[int, Literal["light", "dark"]]] = [
    (width, scheme)  # type: ignore[misc]
    for width in (390, 1024, 2560)
    for scheme in ("light", "dark")
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("playground") / "playground.html"
    path.write_text(playground.page(), encoding="utf-8")
    return path


@pytest.fixture
def page(chromium: Browser, file: Path) -> Iterator[Page]:
    """The playground as a file; whatever the console is told fails the test."""
    page, faults = lab.open_file(chromium, file, 1280, "light")
    page.wait_for_function("globalThis.playground")
    yield page
    assert faults == []
    page.close()


def numbers(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("playground.measured"))


def state(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("playground.state"))


def test_play_pause_step_reset_and_speed(page: Page) -> None:
    play = page.get_by_role("button", name="Play", exact=True)
    play.click()
    page.wait_for_function("playground.epoch > 5")
    page.get_by_role("button", name="Pause").click()
    epoch = numbers(page)["epoch"]
    page.wait_for_timeout(300)
    assert numbers(page)["epoch"] == epoch
    expect(page.locator(".epoch")).to_have_text(f"epoch {epoch}")
    page.get_by_role("button", name="One epoch").click()
    assert numbers(page)["epoch"] == epoch + 1
    page.get_by_role("button", name="Reset").click()
    assert numbers(page)["epoch"] == 0
    page.get_by_label("speed").select_option("steady")
    began = page.evaluate("performance.now()")
    play.click()
    page.wait_for_function("playground.epoch >= 5")
    assert page.evaluate("performance.now()") - began >= 400
    page.get_by_role("button", name="Pause").click()
    play.click()
    page.get_by_role("button", name="Pause").click()
    began, epoch = page.evaluate("[performance.now(), playground.epoch]")
    play.click()  # a second loop beside the first would run twice as fast
    page.wait_for_function(f"playground.epoch >= {epoch} + 12")
    assert page.evaluate("performance.now()") - began >= 1100


def test_both_networks_begin_alike_on_the_same_points(page: Page) -> None:
    same = page.evaluate(
        """() => {
            const [a, b] = playground.trainers;
            const same = ({ w }, l) => w.every((v, i) => v === b.network.layers[l].w[i]);
            return a.world === b.world && a.network !== b.network && a.network.layers.every(same);
        }"""
    )
    assert same
    page.get_by_role("button", name="One epoch").click()
    first = page.evaluate("playground.trainers.map(t => t.network.layers[0].w[0])")
    assert first[0] != first[1]


def test_every_setting_has_a_control_that_moves_it(page: Page) -> None:
    """By keyboard alone, and each change starts both networks anew."""
    for loss in LOSSES:
        page.evaluate("loss => playground.begin({ loss_1: loss, loss_2: 'ce' })", loss)
        named = [*SETTINGS["losses"][loss]["parameters"], "l1", "loss"]
        for name in (f"{name}_1" for name in dict.fromkeys(named)):
            check_moves(page, name, SETTINGS["side"][name[:-2]]["label"])
    for name, setting in SETTINGS["shared"].items():
        if name not in ("epoch", "point"):
            check_moves(page, name, setting["label"])


def check_moves(page: Page, name: str, label: str) -> None:
    """After one epoch; what only changes how it is looked at leaves that epoch."""
    page.evaluate("playground.begin(playground.state)")
    control = page.get_by_label(label, exact=True).first
    before = state(page)[name]
    page.evaluate("playground.stepOnce()")
    control.focus()
    kind = control.evaluate("e => e.type")
    last = control.evaluate("e => e.options && e.selectedIndex === e.options.length - 1")
    keys = {"checkbox": "Space", "range": "ArrowRight"}
    page.keyboard.press(keys.get(kind, "ArrowUp" if last else "ArrowDown"))
    after = state(page)[name]
    assert after != before, name
    assert numbers(page)["epoch"] == (1 if name in ("pulls", "speed") else 0), name


def test_the_keyboard_reaches_everything(page: Page) -> None:
    page.evaluate("playground.choose(5)")
    page.keyboard.press("Tab")
    reached = []
    for _ in range(60):
        here = page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if here in reached or here.startswith("<body"):
            break
        reached.append(here)
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", here
        page.keyboard.press("Tab")
    there = page.evaluate(
        "[...document.querySelectorAll('button, select, input, a, summary, canvas[tabindex]')]"
        ".map(e => e.outerHTML.slice(0, 200))"
    )
    assert set(there) == set(reached)


def test_a_point_is_chosen_by_mouse_and_by_keys(page: Page) -> None:
    panel = page.get_by_role("region", name="the chosen point")
    expect(panel).to_be_hidden()
    plane = page.locator("canvas").first
    box = plane.bounding_box()
    assert box is not None
    x, y = page.evaluate(
        "([n, w]) => { const { x } = playground.trainers[0].world;"
        " const at = v => w * (1 + v / 6.9) / 2; return [at(x[2 * n]), at(-x[2 * n + 1])]; }",
        [17, box["width"]],
    )
    plane.click(position={"x": x, "y": y})
    assert state(page)["point"] == 17
    expect(panel).to_be_visible()
    said = page.get_by_role("status")
    expect(said).to_contain_text("This point is labelled as one of the")
    page.keyboard.press("ArrowRight")
    moved = state(page)["point"]
    assert moved != 17
    there = page.evaluate("n => playground.trainers[0].world.x[2 * n]", moved)
    assert there > page.evaluate("playground.trainers[0].world.x[34]")
    page.keyboard.press("Escape")
    assert state(page)["point"] == -1
    expect(panel).to_be_hidden()
    for leave in (
        lambda: plane.click(position={"x": x, "y": y}),
        panel.get_by_role("button").click,
    ):
        plane.click(position={"x": x, "y": y})
        assert state(page)["point"] == 17
        leave()
        assert state(page)["point"] == -1
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"
    page.keyboard.press("ArrowDown")
    assert state(page)["point"] >= 0


def words_of(value: float) -> str:
    """Two significant digits, as JavaScript's toPrecision writes a number of this size."""
    assert 0.01 <= value < 99
    return f"{value:#.2g}".removesuffix(".")


def test_what_is_told_of_a_point_is_what_the_network_computes(page: Page) -> None:
    page.evaluate("playground.begin({ epoch: 30, point: 5 })")
    page.wait_for_function("playground.epoch === 30 && !playground.playing")
    found = page.evaluate(
        """() => playground.trainers.map(({ options, network, world, count }, i) => {
            const pulls = playground.trainers[i].pulls();
            const { beliefs } = playground.trainers[i].now;
            return { loss: options.loss, label: world.y[5], belief: beliefs[5] / 255,
                logits: [...network.forward(world.x[10], world.x[11])],
                pull: pulls[5], mean: pulls.reduce((s, v) => s + v, 0) / count };
        })"""
    )
    words = page.get_by_role("region", name="the chosen point").inner_text()
    for side, of in zip("12", found, strict=True):
        parameters = SETTINGS["losses"][of["loss"]]["parameters"]
        own = {k: v for k, v in parameters.items() if k != "l1"}
        case = {"name": of["loss"], "logits": of["logits"], "label": of["label"], "parameters": own}
        _, gradient = ours(case)
        p = torch.softmax(torch.tensor(of["logits"], dtype=torch.float64), 0)[of["label"]].item()
        assert of["pull"] == pytest.approx(gradient.norm().item(), rel=1e-9)
        assert abs(of["belief"] - p) < 1 / 255
        assert f"Network {side} gives that label p = {p:.3f}" in words
        assert f"pulls {words_of(of['pull'] / of['mean'])} times as hard as its mean" in words


def test_the_address_tells_the_state(chromium: Browser, file: Path) -> None:
    page, faults = lab.open_file(chromium, file, 1280, "light")
    page.goto(f"{file.as_uri()}#loss_1=mae&noise=0.6&epoch=20")
    page.reload()
    page.wait_for_function("globalThis.playground?.epoch === 20 && !playground.playing")
    assert state(page) == complete({"loss_1": "mae", "noise": 0.6, "epoch": 20})
    page.get_by_role("button", name="One epoch").click()
    there = page.get_by_role("link", name="Link to this state").get_attribute("href")
    assert there == "#noise=0.6&epoch=21&loss_1=mae"
    page.get_by_label("noise rate η").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("location.hash === '#noise=0.55&loss_1=mae'")
    page.evaluate("location.hash = '#noise=0.3&flip_2=false&loss_2=built'")
    page.wait_for_function("playground.state.noise === 0.3")
    assert state(page) == complete({"noise": 0.3, "loss_2": "built", "flip_2": False})
    page.evaluate("location.hash = '#noise=3'")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("noise is 0 to 0.9, not 3")
    assert state(page) == complete({"noise": 0.3, "loss_2": "built", "flip_2": False})
    assert page.evaluate("location.hash") == "#noise=3"  # left for its reader to mend
    page.evaluate("location.hash = '#nois=0.3'")
    expect(alert).to_contain_text("no setting is called nois")
    page.get_by_label("noise rate η").press("ArrowRight")
    expect(alert).to_be_hidden()
    page.evaluate("location.hash = '#loss_1=nce+mae'")
    page.wait_for_function("playground.state.loss_1 === 'nce+mae'")
    page.evaluate("location.hash = '#noise=3'")
    expect(alert).to_be_visible()
    page.evaluate("location.hash = '#noise=0.3'")
    expect(alert).to_be_hidden()
    assert faults == []
    page.close()


def test_a_moment_is_one_press_away_and_says_what_to_look_at(page: Page) -> None:
    look, moment = page.locator(".moment"), SETTINGS["moments"]["MAE loses an arm"]
    expect(look).to_contain_text(SETTINGS["moments"]["CE memorises"]["look"])  # as it begins
    page.get_by_role("link", name="MAE loses an arm").press("Enter")
    page.wait_for_function("playground.epoch > 3")
    expect(look).to_contain_text(moment["look"])
    assert state(page) == complete(moment["state"])
    page.wait_for_function("!playground.playing", timeout=60_000)
    expect(page.get_by_role("status")).to_contain_text("and has lost the")
    expect(look.get_by_text(moment["seen"])).to_be_hidden()
    look.get_by_text("What is to be seen").press("Enter")
    expect(look.get_by_text(moment["seen"])).to_be_visible()
    # what only changes how it is looked at leaves the question where it is
    page.get_by_role("button", name="Reset").click()
    page.locator("canvas").first.press("ArrowDown")
    expect(look.get_by_text(moment["seen"])).to_be_visible()
    page.get_by_label("classes", exact=True).press("ArrowRight")
    expect(look).to_be_hidden()


def test_an_example_goes_at_the_speed_that_is_set(page: Page) -> None:
    page.get_by_label("speed").select_option("steady")
    page.get_by_role("link", name="pair flip").click()
    assert state(page)["speed"] == "steady"
    began, first = page.evaluate(NOW)
    page.wait_for_function("playground.epoch >= 8")
    ended, last = page.evaluate(NOW)
    assert last - first <= (ended - began) / 100 + 2
    page.get_by_label("speed").select_option("max")
    page.wait_for_function("playground.epoch > 40")


def test_a_view_leaves_the_networks_alone(page: Page) -> None:
    page.evaluate("playground.begin({ epoch: 12 })")
    page.wait_for_function("playground.epoch === 12 && !playground.playing")
    for change in ({"point": 4}, {"pulls": True}, {"speed": "slow"}):
        page.evaluate("some => playground.set({ ...playground.state, ...some })", change)
        assert numbers(page)["epoch"] == 12
        assert state(page) == complete({**state(page), **change})
    page.evaluate("playground.set({ ...playground.state, lr: 0.1 })")
    assert numbers(page)["epoch"] < 12


def test_what_is_set_while_training_counts_at_once(page: Page) -> None:
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("playground.epoch > 3")
    page.evaluate("playground.set({ points: 1000, point: 900, loss_1: 'mae' })")
    assert page.evaluate("playground.trainers[0].count") == 1000
    page.wait_for_function("playground.epoch > 1")  # the reader had pressed Play
    assert state(page)["point"] == 900
    page.evaluate("playground.set({ points: 200 })")
    assert state(page)["point"] == -1
    # an example that was training does not go on as something else
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("link", name="no L1").click()
    page.wait_for_function("playground.epoch > 1")
    page.get_by_label("noise rate η").press("ArrowRight")
    assert numbers(page) | {"1": 0, "2": 0} == {"epoch": 0, "playing": False, "1": 0, "2": 0}


def test_a_changed_loss_leaves_nothing_behind(page: Page) -> None:
    page.get_by_label("loss", exact=True).first.select_option("anl-ce")
    page.get_by_label("α, weight of the active half").first.press("ArrowRight")
    page.get_by_label("loss", exact=True).first.select_option("ce")
    assert state(page) == complete({})


def test_numbers_that_are_none_are_said_to_be(page: Page) -> None:
    wild = {"loss_1": "ce", "lr": 1, "clip": 0, "decay": 0.1, "l1_1": 0.1, "batch": 4, "epoch": 40}
    page.evaluate(
        "some => playground.begin({ ...some, loss_2: 'mae', point: 3, pulls: true })", wild
    )
    page.wait_for_function("playground.epoch === 40 && !playground.playing")
    assert numbers(page)["1"]["diverged"]
    assert not numbers(page)["2"]["diverged"]
    expect(page.get_by_role("status")).to_contain_text("Network 1, CE, has diverged")
    expect(page.locator(".numbers").first).to_have_text(
        "Diverged: its numbers are no numbers any more."
    )
    expect(page.get_by_role("region", name="the chosen point")).to_contain_text(
        "Network 1 has diverged."
    )


@pytest.mark.parametrize(
    "address",
    ["nois=1", "toString=1", "noise=", "noise=x", "noise=2", "classes=2.5", "pulls=1", "flip_1=no",
     "data=moons", "loss=hinge", "alpha_3=1"],
)  # fmt: skip
def test_an_address_that_says_nothing_is_refused(parts: Page, address: str) -> None:
    refused = parts.evaluate(
        "address => { try { return parts.fromHash('#' + address) && ''; }"
        " catch (error) { return error.message; } }",
        address,
    )
    assert address.split("=")[0].removesuffix("_1") in refused


def test_the_end_is_said(page: Page) -> None:
    page.evaluate("playground.begin({ points: 100, layers: 1, width: 4, batch: 100, epoch: 5000 })")
    page.wait_for_function("!playground.playing", timeout=120_000)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(
        "Training ends at epoch 5000. Reset begins anew."
    )


def test_what_is_removed_is_forgotten(parts: Page) -> None:
    """A widget whose cell has gone trains no more, and the browser frees it."""
    parts.evaluate(
        """async () => {
            const frame = () => new Promise(requestAnimationFrame);
            window.kept = [];
            for (let n = 0; n < 3; n++) {
                const root = document.createElement("div");
                document.body.append(root);
                const app = new parts.Playground(root, {});
                app.play(100);
                await frame();
                app.destroy();
                root.remove();
                window.kept.push(new WeakRef(app));
                if (app.playing) throw new Error("it goes on");
            }
            await frame();
        }"""
    )
    session = parts.context.new_cdp_session(parts)
    for _ in range(50):
        session.send("HeapProfiler.collectGarbage")
        left = parts.evaluate("window.kept.filter(r => r.deref()).length")
        if left == 0:
            break
        parts.wait_for_timeout(100)
    assert left == 0


def test_words_say_what_is_to_be_seen(page: Page) -> None:
    said = page.get_by_role("status")
    expect(said).to_have_text(
        "Not trained yet. 120 of 300 labels are wrong. Press Play, or choose an example above."
    )
    page.get_by_role("button", name="One epoch").click()
    expect(said).to_contain_text("Epoch 1. Network 1, CE: test accuracy")
    share = numbers(page)["2"]["memorised"]
    expect(said).to_contain_text(f"repeats {round(100 * share)} % of the wrong labels")


def test_unwelcome_motion_is_kept_small(chromium: Browser, file: Path) -> None:
    drawn = {}
    for motion in ("no-preference", "reduce"):
        context = chromium.new_context(reduced_motion=motion)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(file.as_uri())
        page.wait_for_function("globalThis.playground")
        page.evaluate(
            "window.drawn = 0; const draw = playground.draw;"
            "playground.draw = function () { window.drawn += 1; return draw.call(this); }; null"
        )
        page.get_by_role("button", name="Play", exact=True).click()
        began, _ = page.evaluate(NOW)
        page.wait_for_timeout(2500)
        ended, _ = page.evaluate(NOW)
        drawn[motion] = page.evaluate("window.drawn") / (ended - began) * 1000
        context.close()
    assert 0.3 < drawn["reduce"] < 1.7 < drawn["no-preference"]


@pytest.mark.parametrize(("width", "scheme"), WIDTHS)
def test_it_fits_every_window_and_every_reader(
    chromium: Browser,
    file: Path,
    screenshots: Path,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    page, faults = lab.open_file(chromium, file, width, scheme)
    page.evaluate("playground.begin({ epoch: 40, point: 5, loss_2: 'anl-fl', loss_1: 'built' })")
    page.wait_for_function("playground.epoch === 40 && !playground.playing")
    page.screenshot(path=screenshots / f"playground-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('.anl-play')).color")
    assert ink == ("rgb(238, 238, 238)" if scheme == "dark" else "rgb(28, 28, 28)")
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in violations] == []
    assert faults == []
    page.close()


def test_it_works_in_a_frame_without_an_address(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "frame.html"
    file.write_text(Frame({"noise": 0.2})._repr_mimebundle_()["text/html"], encoding="utf-8")
    page, faults = lab.open_file(chromium, file, 1280, "light")
    frame = page.frame_locator("iframe")
    frame.get_by_label("noise rate η").press("ArrowRight")
    frame.get_by_role("button", name="One epoch").click()
    expect(frame.get_by_role("status")).to_contain_text("Epoch 1.")
    expect(frame.get_by_role("link", name="Link to this state")).to_have_count(0)
    frame.get_by_role("button", name="pair flip").click()
    expect(frame.get_by_label("kind of noise")).to_have_value("pair")
    assert faults == []
    page.close()
