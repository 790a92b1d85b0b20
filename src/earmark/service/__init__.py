"""Bundles behind HTTP: `earmark serve`, or `earmark.service.app.build_app` for a server of your own.

Nothing is imported here, so that `earmark keys` and `earmark feedback` need not wait for the whole application.
"""
