"""What the services share: configuration, segments, queues, logs, models and telemetry."""
