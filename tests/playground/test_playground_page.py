"""The playground's page without a browser: whole, small, and asking nobody for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from types import ModuleType

import pytest

from anl_edu import losses, playground
from anl_edu.playground.frame import Frame
from anl_edu.playground.state import SETTINGS, complete, link

PAGE = files("anl_edu.playground") / "page"
MODULES = sorted(path.name for path in PAGE.iterdir() if path.name.endswith(".js"))
OURS = sorted(set(SETTINGS["losses"]) - {"built"})  # by the switches of lesson 04


class Addresses(HTMLParser):
    """Every address that a page names for itself to fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action")]


def test_the_page_is_small_and_fetches_nothing() -> None:
    page = playground.page()
    assert len(page.encode()) <= 150_000
    assert [a for a in Addresses(page).found if not a.startswith("data:")] == []
    assert "http" not in page
    for word in (
        "fetch(",
        "XMLHttpRequest",
        "import(",
        "WebSocket",
        "EventSource",
        "@import",
        "url(",
    ):
        assert word not in page


def test_every_module_is_in_the_script() -> None:
    script = playground.script()
    assert sorted(f"{name}.js" for name in playground._MODULES) == MODULES
    assert not re.search(r"(?m)^(import|export)\b", script)
    for name in MODULES:
        assert (PAGE / name).read_text(encoding="utf-8").splitlines()[0] in script


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_stands_before_it(name: str) -> None:
    """So that nothing in the joined script is used before it is there."""
    text = (PAGE / name).read_text(encoding="utf-8")
    before = playground._MODULES[: playground._MODULES.index(name.removesuffix(".js"))]
    assert set(re.findall(r'from "\./(\w+)\.js"', text)) <= set(before)


@pytest.mark.parametrize("name", OURS)
def test_the_losses_begin_as_the_package_has_them(name: str) -> None:
    defaults = losses.defaults(name)
    defaults.pop("detach_focal", None)
    own = dict(SETTINGS["losses"][name]["parameters"])
    own.pop("l1", None)
    assert own == ({} if name == "aul" else defaults)  # AUL's do not move
    assert SETTINGS["losses"][name]["label"] == losses.label(name)


def test_a_script_cannot_be_ended_by_what_it_begins_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground, "complete", lambda state: state)
    assert playground.page(data="</script><b>").count("</script>") == 1


# --- states -----------------------------------------------------------------------------------


def test_a_state_is_made_whole() -> None:
    state = complete({"noise": 0.6, "loss": "anl-ce", "alpha_1": 0, "l1": 0})
    assert state["noise"] == 0.6
    assert (state["loss_1"], state["loss_2"]) == ("anl-ce", "anl-ce")
    assert (state["alpha_1"], state["alpha_2"], state["beta_1"]) == (0, 5, 5)
    assert (state["l1_1"], state["l1_2"]) == (0, 0)
    assert complete(state) == state
    start = complete({})
    assert (start["loss_1"], start["loss_2"], start["l1_1"], start["l1_2"]) == (
        "ce",
        "anl-ce",
        0,
        1e-3,
    )


@pytest.mark.parametrize(
    ("some", "message"),
    [
        ({"nois": 0.4}, "no setting is called 'nois'; do you mean noise?"),
        ({"alpha_3": 1}, "no setting is called 'alpha_3'; do you mean alpha?"),
        ({"": 1}, "no setting is called ''"),
        ({"noise": 0.95}, "noise is 0 to 0.9, not 0.95"),
        ({"noise": float("nan")}, "noise is 0 to 0.9, not nan"),
        ({"noise": "much"}, "noise is a number from 0 to 0.9, not 'much'"),
        ({"noise": True}, "noise is a number from 0 to 0.9, not True"),
        ({"classes": 2.5}, "classes is a whole number, not 2.5"),
        ({"decay": 1e-9}, "decay is 1e-05 to 0.1, not 1e-09"),
        ({"data": "moons"}, "data is one of arms, blobs, rings, not 'moons'"),
        ({"data": ["arms"]}, r"data is one of arms, blobs, rings, not \['arms'\]"),
        ({"loss": "hinge"}, "loss_1 is one of ce, fl, .*, not 'hinge'"),
        ({"flip_2": 1}, "flip_2 is True or False, not 1"),
    ],
)
def test_a_state_that_is_none_is_named(some: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        complete(some)
    with pytest.raises(ValueError, match=f"^{message}"):
        playground.playground(**some)


def test_a_link_says_what_was_given() -> None:
    assert (
        link({"noise": 0.6, "loss": "anl-ce", "pulls": True}) == "#noise=0.6&loss=anl-ce&pulls=true"
    )
    with pytest.raises(ValueError, match="no setting"):
        link({"nois": 0.6})


# --- in a notebook ----------------------------------------------------------------------------


def test_a_widget_can_be_set_and_read() -> None:
    board = playground.playground(noise=0.4, loss="anl-ce")
    assert board.state == complete({"noise": 0.4, "loss": "anl-ce"})
    board.state = {**board.state, "noise": 0.2}
    assert board.state["noise"] == 0.2
    with pytest.raises(ValueError, match="noise is 0 to"):
        board.state = {"noise": 2}
    assert board.state["noise"] == 0.2
    assert board.measured == {}
    shown, _ = board._repr_mimebundle_()
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == board.model_id
    assert shown[playground.MIME] == {"link": "#noise=0.4&loss=anl-ce"}
    board.close()


@pytest.mark.parametrize("manager", [True, False])
def test_on_colab_it_is_a_widget_where_its_manager_can_be_switched_on(
    colab: ModuleType, monkeypatch: pytest.MonkeyPatch, manager: bool
) -> None:
    """Without, Colab would show the widget's number; the page in a frame needs nobody."""
    if not manager:
        monkeypatch.delattr(colab, "enable_custom_widget_manager")
    board = playground.playground(noise=0.4)
    assert isinstance(board, Frame) != manager
    shown = board._repr_mimebundle_()
    bundle = shown[0] if manager else shown
    assert ("application/vnd.jupyter.widget-view+json" in bundle) == manager
    assert ("<iframe" in bundle.get("text/html", "")) != manager
    assert bundle[playground.MIME] == {"link": "#noise=0.4"}


@pytest.mark.parametrize("place", ["here", "colab"])
def test_without_anywidget_the_page_comes_in_a_frame(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, place: str
) -> None:
    if place == "colab":
        request.getfixturevalue("colab")
    monkeypatch.setitem(__import__("sys").modules, "anl_edu.playground.widget", None)
    board = playground.playground(noise=0.2)
    assert isinstance(board, Frame)
    assert board.state == complete({"noise": 0.2})
    shown = board._repr_mimebundle_()
    assert shown["text/html"].startswith("<iframe title=")
    assert "&lt;script" in shown["text/html"]
    assert shown[playground.MIME] == {"link": "#noise=0.2"}
    with pytest.raises(ValueError, match="no setting"):
        playground.playground(nois=0.2)
