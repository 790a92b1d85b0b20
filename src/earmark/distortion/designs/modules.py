"""Parts of the networks that torch has not ready-made; torch is loaded when they are asked for."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any


@cache
def head_modules() -> Any:
    """Return `multi_task`, `split` and `standardise`."""
    import torch
    from torch import nn

    class MultiTask(nn.Module):
        """A body under two heads."""

        def __init__(self, body: nn.Module, presence: nn.Module, graded: nn.Module) -> None:
            super().__init__()
            self.body, self.presence, self.graded = body, presence, graded

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            embedded = self.body(rows)
            return torch.cat([self.presence(embedded), self.graded(embedded)], dim=1)

    class Split(nn.Module):
        """Logits and severities apart."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(self.network(rows).chunk(2, dim=1))

    class Standardise(nn.Module):
        """Takes the mean of each column away and divides by its spread."""

        def __init__(self, mean: torch.Tensor, spread: torch.Tensor) -> None:
            super().__init__()
            self.mean: torch.Tensor
            self.spread: torch.Tensor
            self.register_buffer("mean", mean.clone())  # not the caller's memory
            self.register_buffer("spread", spread.clone())

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return (rows - self.mean) / self.spread

    return SimpleNamespace(multi_task=MultiTask, split=Split, standardise=Standardise)


@cache
def vector_modules() -> Any:
    """Return `ranked` and `members`."""
    import torch
    from torch import nn

    class Ranked(nn.Module):
        """Values by their rank among those of training, as standard normal numbers, and which values are told.

        Between knots, quantiles of a column, ranks are straight lines; beyond them they stay. What is not told becomes
        0, the middle. Of masks only some columns are handed on: many tell the same.
        """

        def __init__(self, low: torch.Tensor, width: torch.Tensor, heights: torch.Tensor, masks: torch.Tensor) -> None:
            super().__init__()
            self.low: torch.Tensor
            self.width: torch.Tensor
            self.heights: torch.Tensor
            self.masks: torch.Tensor
            for name, value in (("low", low), ("width", width), ("heights", heights), ("masks", masks)):
                self.register_buffer(name, value.clone())  # not the caller's memory

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            values, mask = rows.chunk(2, dim=1)
            told = mask > 0.5
            steps = ((values[..., None] - self.low) / self.width).clamp(0, 1)
            ranks = (steps * (self.heights[1:] - self.heights[:-1])).sum(dim=2) + self.heights[0]
            return torch.cat([torch.where(told, ranks, 0.0), told[:, self.masks].to(rows.dtype)], dim=1)

    class Members(nn.Module):
        """Several perceptrons side by side under one body; each is trained by itself, together they say the mean.

        In training their outputs follow on each other: (n_members * n_rows, 2 * n_kinds).
        """

        def __init__(self, body: nn.Module, layers: list[nn.Module], n_members: int, dropout: float) -> None:
            super().__init__()
            self.body, self.layers, self.n_members = body, nn.ModuleList(layers), n_members
            self.dropout = nn.Dropout(dropout)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            outputs = self.body(rows).expand(self.n_members, -1, -1)
            for number, layer in enumerate(self.layers):
                outputs = layer(self.dropout(torch.relu(outputs) if number else outputs))
            logits, graded = outputs.chunk(2, dim=2)
            outputs = torch.cat([logits, torch.sigmoid(graded)], dim=2)
            return outputs.flatten(0, 1) if self.training else outputs.mean(dim=0)

    class Beside(nn.Module):
        """As many dense layers as there are members, (n_members, n_rows, n_in) to (n_members, n_rows, n_out)."""

        def __init__(self, n_members: int, n_in: int, n_out: int) -> None:
            super().__init__()
            bound = n_in**-0.5  # as torch's own dense layers begin
            self.weight = nn.Parameter(torch.empty(n_members, n_in, n_out).uniform_(-bound, bound))
            self.bias = nn.Parameter(torch.empty(n_members, 1, n_out).uniform_(-bound, bound))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return torch.matmul(rows, self.weight) + self.bias

    return SimpleNamespace(ranked=Ranked, members=Members, beside=Beside)


@cache
def picture_modules() -> Any:
    """Return `body`, `residual` and `weighing`."""
    import torch
    from torch import nn

    class PictureBody(nn.Module):
        """Standardised pictures, their masks and the height of bands through convolutions, then over time."""

        def __init__(self, trunk: nn.Module, mean: torch.Tensor, spread: torch.Tensor) -> None:
            super().__init__()
            self.trunk = trunk
            self.mean: torch.Tensor
            self.spread: torch.Tensor
            self.height: torch.Tensor
            self.register_buffer("mean", mean[..., None].clone())  # not the caller's memory
            self.register_buffer("spread", spread[..., None].clone())
            self.register_buffer("height", torch.linspace(-1, 1, mean.shape[1])[None, None, :, None])

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            told = rows[..., -1:]
            pictures = (rows[..., :-1] - self.mean) / self.spread * told
            n_frames = pictures.shape[-1]
            height = self.height.expand(pictures.shape[0], -1, -1, n_frames)
            seen = self.trunk(torch.cat([pictures, told.expand(-1, -1, -1, n_frames), height], dim=1))
            frames = seen.mean(dim=2)
            pooled: torch.Tensor = frames.amax(dim=2) + frames.mean(dim=2)
            return pooled

    class Residual(nn.Module):
        """Steps, and what came in added to what they make of it."""

        def __init__(self, steps: list[nn.Module], *, added: bool) -> None:
            super().__init__()
            self.steps, self.added = nn.Sequential(*steps), added

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.steps(images)
            return made + images if self.added else made

    class Weighing(nn.Module):
        """Channels weighed by their means."""

        def __init__(self, squeeze: nn.Module, excite: nn.Module) -> None:
            super().__init__()
            self.squeeze, self.excite = squeeze, excite

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            gate = torch.relu(self.squeeze(images.mean(dim=(2, 3), keepdim=True)))
            return images * torch.sigmoid(self.excite(gate))

    return SimpleNamespace(body=PictureBody, residual=Residual, weighing=Weighing)
