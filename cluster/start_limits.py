"""Limits on the start of Ray's own processes."""

START_LIMITS = {
    "RAY_agent_register_timeout_ms": "180000",
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "180",
    "RAY_worker_register_timeout_seconds": "180",
    # Ray Serve ends a proxy that is not ready after 5 s, and the start of the service fails with it.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "180",
}
"""Environment in which Ray waits this long for its own processes, which start slowly on a busy machine.

After less, it stops the workers that its first driver waits for, and the driver waits forever.
"""
