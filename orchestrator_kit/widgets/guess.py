"""What a learner expects of more workers: asked before the run, noted, and held against it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape

import ipywidgets  # type: ignore[import-untyped]

from orchestrator_kit.errors import UsageError
from orchestrator_kit.predictions import Prediction, predict
from orchestrator_kit.widgets.parts import status

CLOSE = 0.1  # the share of the seconds by which a prediction may be off
ALIKE = 1.01  # latencies no further apart than this are as short as each other


class Guess(ipywidgets.VBox):  # type: ignore[misc]
    """Two fields and a button: the fewest workers of the shortest run, and its seconds.

    `changed` is called when the fields change, `pressed` when the prediction stands.
    """

    def __init__(
        self, asked: str, most: int, changed: Callable[[], None], pressed: Callable[[], None]
    ) -> None:
        self.most = most
        self.noted: tuple[Prediction, Prediction] | None = None
        style, layout = {"description_width": "initial"}, ipywidgets.Layout(width="22em")
        self.workers = ipywidgets.Text(
            description="The shortest run needs",
            placeholder=f"1 to {most} workers",
            tooltip="The fewest workers with which the run is as short as it gets",
            style=style,
            layout=layout,
        )
        self.seconds = ipywidgets.Text(
            description="and takes",
            placeholder="seconds",
            tooltip="The latency of that run, in seconds",
            style=style,
            layout=ipywidgets.Layout(width="14em"),
        )
        self.button = ipywidgets.Button(
            description="Show the run",
            tooltip="Note the prediction, and hold the runs against it",
            button_style="primary",
        )
        self.said = ipywidgets.HTML()
        fields = [self.workers, self.seconds, self.button]
        super().__init__(
            children=[
                ipywidgets.HTML(f"<p>{escape(asked)}</p>"),
                ipywidgets.HBox(fields, layout=ipywidgets.Layout(flex_flow="row wrap")),
                self.said,
            ]
        )
        for field in (self.workers, self.seconds):
            field.observe(lambda _: changed(), "value")
        self._then = pressed
        self.button.on_click(self._pressed)

    @property
    def value(self) -> tuple[int, float] | None:
        """Workers and seconds, as noted where they are; None while a field says neither."""
        if self.noted:
            workers, seconds = self.noted
            return int(workers.value), float(seconds.value)
        try:
            return self._read()
        except UsageError:
            return None

    def score(self, took: Mapping[int, float]) -> None:
        """Say what came of it, given the latency in seconds of each number of workers.

        Where not all of them were run, nothing is said of the fewest workers.
        """
        if not self.noted or not took:
            self.said.value = status("Noted. No run came of it.")
            return
        best = fewest(took)
        workers, seconds = self.noted
        said = []
        if len(took) == self.most:
            said.append(f"Fewest workers of the shortest run: {workers.against(best, 'workers')}")
        outcome = seconds.against(round(took[best], 1), "s", within=CLOSE)
        said.append(f"Its seconds, where a tenth off is right: {outcome}")
        if len(took) < self.most:
            said.append("Nothing else was run, so the number of workers is not judged.")
        self.said.value = (
            '<div role="status" aria-live="polite">'
            + "".join(f"<p>{escape(text)}</p>" for text in said)
            + "</div>"
        )

    def _pressed(self, button: object) -> None:
        if self.noted:
            return
        try:
            workers, seconds = self._read()
        except UsageError as e:
            self.said.value = f'<p role="alert">{escape(str(e))}</p>'
            return
        self.noted = (
            predict("fewest workers of the shortest run", workers),
            predict("seconds of the shortest run", seconds),
        )
        for control in (self.workers, self.seconds, self.button):
            control.disabled = True
        self.said.value = status("Noted. Running…")
        self._then()

    def _read(self) -> tuple[int, float]:
        said, wanted = self.workers.value.strip(), f"a whole number from 1 to {self.most}"
        if not (said.isascii() and said.isdigit() and 1 <= int(said[:6]) <= self.most):
            raise UsageError(f"Say first how many workers the shortest run needs: {wanted}.")
        try:
            seconds = float(self.seconds.value.strip().removesuffix("s"))
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < 1e9:
            raise UsageError("Say first how long the shortest run takes: seconds, such as 12.5.")
        return int(said), seconds


def fewest(took: Mapping[int, float]) -> int:
    """The fewest workers whose latency is within a hundredth of the shortest."""
    least = min(took.values())
    return min(n for n, s in took.items() if s <= ALIKE * least + 1e-9)
