"""A network goes to ONNX quietly, and one that no file can hold is refused before any work is done."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest

from earmark.core.errors import ModelError
from earmark.encoders.session import OnnxGraph
from earmark.encoders.torch_graph import export_graph, quiet_torch

torch = pytest.importorskip("torch")


def test_a_graph_gives_the_numbers_of_its_module_for_any_number_of_rows(capfd: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3), torch.nn.Dropout(0.5)).train()
    content = export_graph(module, (4, 3), output="sums")
    graph = OnnxGraph(content)
    assert (graph.input_shape, graph.output_names) == ((None, 4, 3), ("sums",))
    rows = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    expected = module(torch.from_numpy(rows)).detach().numpy()
    np.testing.assert_allclose(graph(rows), expected, atol=1e-6)
    np.testing.assert_allclose(graph(rows[:1]), expected[:1], atol=1e-6)
    assert capfd.readouterr().err == ""
    assert __file__.encode() not in content  # no paths of this machine


def test_a_network_that_no_onnx_file_can_hold_is_refused() -> None:
    module = torch.nn.Linear(40_000, 20_000, device="meta")
    with pytest.raises(ModelError, match=r"3\.2 GB of weights, an ONNX file holds 2\.0; choose a smaller model"):
        export_graph(module, (40_000,))


def test_torch_speaks_again_after_an_export() -> None:
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    with quiet_torch():
        assert logger.level == logging.ERROR
        warnings.warn("not heard", stacklevel=1)
    assert logger.level == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
