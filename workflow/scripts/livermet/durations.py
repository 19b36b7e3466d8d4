"""Durations in words, as logs and `livermet status` tell them."""


def in_words(seconds: float) -> str:
    """Tell a duration in hours and minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
