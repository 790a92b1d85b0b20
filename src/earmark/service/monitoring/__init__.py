"""What an operator sees of the service: metrics for Prometheus, drift of each model, logs as JSON lines."""

from earmark.service.monitoring.logs import configure_logs, log_event, log_request, request_id
from earmark.service.monitoring.metrics import Monitor

__all__ = ["Monitor", "configure_logs", "log_event", "log_request", "request_id"]
