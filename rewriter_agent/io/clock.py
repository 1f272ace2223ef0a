"""Time as status lines show it."""


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def seconds_of(text: str) -> int:
    """Seconds that a clock shows."""
    minutes, _, seconds = text.partition(":")
    return 60 * int(minutes) + int(seconds)
