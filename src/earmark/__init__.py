"""Turn labelled audio clips into measured, deployable audio classifiers."""

__version__ = "0.1.0"
