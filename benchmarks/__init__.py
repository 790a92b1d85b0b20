"""What earmark costs and how good it is, each figure printed by one command; see docs/benchmarks.md."""

import os

# One thread for each library, set before any of them is imported: figures are per core.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
