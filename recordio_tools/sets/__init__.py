"""Face sets as the tools see them: streamed, written, listed, mapped, copied."""
