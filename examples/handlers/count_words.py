"""The handler `count_words`: an example of a handler, used by docs/handlers.md."""

from collections import Counter
from pathlib import Path


class CountWords:
    """Counts the words of a text, and writes them as a table."""

    parameters = {
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1}},
        "required": ["text"],
    }

    def execute(self, input_params, heartbeat_callback):
        words = input_params["text"].split()
        counts = Counter()
        for number, word in enumerate(words, start=1):
            counts[word] += 1
            heartbeat_callback(progress_current=number, progress_total=len(words))
        Path("words.csv").write_text("\n".join(f"{word},{count}" for word, count in counts.most_common()))
        return {"words": len(words), "different": len(counts)}
