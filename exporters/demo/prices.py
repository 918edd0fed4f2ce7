"""What the demo's own cost counters charge, in USD for a million tokens (input, output)."""

USD_PER_MTOK = {
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
    "claude-sonnet-4-5": (3.0, 15.0),
    "claude-haiku-4-5": (1.0, 5.0),
    "gemini-2.5-flash": (0.3, 2.5),
}


def usd(model: str, input_tokens: float, output_tokens: float) -> float:
    price_in, price_out = USD_PER_MTOK[model]
    return (input_tokens * price_in + output_tokens * price_out) / 1e6
