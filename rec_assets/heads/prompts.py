"""Prompt templates by the shape of a task, and the other forms a template takes."""

from dataclasses import dataclass

from rec_assets.heads.errors import HeadError

TEXT, LABEL = "{text}", "{label}"
_BETWEEN = "\n\n"  # between demonstrations


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt around a text, and what derives from it.

    Parameters
    ----------
    prompt
        Words with the field ``{text}``; a label word continues them.
    channel
        Words with ``{label}`` before ``{text}``, for scoring a text given its label; none: derived from the
        prompt by moving the words after the text before it.
    """

    prompt: str
    channel: str | None = None

    def __post_init__(self) -> None:
        if self.prompt.count(TEXT) != 1:
            raise HeadError(
                f"The prompt {self.prompt!r} has {self.prompt.count(TEXT)} fields {TEXT}.",
                f"Write {TEXT} once, where the text belongs, or name one of: {', '.join(TEMPLATES)}.",
            )
        if self.channel is not None and not (
            self.channel.count(TEXT) == self.channel.count(LABEL) == 1
            and self.channel.index(LABEL) < self.channel.index(TEXT)
        ):
            raise HeadError(
                f"The channel prompt {self.channel!r} does not lead from label to text.",
                f"Write {LABEL} once, and {TEXT} once behind it.",
            )

    @classmethod
    def of(cls, prompt: "str | PromptTemplate | None") -> "PromptTemplate":
        """Read a prompt, the name of one in :data:`TEMPLATES`, or none: the plain one."""
        if isinstance(prompt, PromptTemplate):
            return prompt
        return TEMPLATES.get(prompt or "plain") or cls(str(prompt))

    def demonstration(self, text: str, word: str) -> str:
        """Write one solved example: the prompt, its text, and the answer."""
        before, _, after = self.prompt.partition(TEXT)
        return f"{before}{text}{_joined(after, word)}{_BETWEEN}"

    def before_text(self, word: str) -> str:
        """Write what leads from a label's word to its text, for the channel."""
        before, _, after = self.prompt.partition(TEXT)
        template = self.channel or f"{before}{_joined(after.strip(), LABEL).strip()}\n{TEXT}"
        return template.partition(TEXT)[0].replace(LABEL, word)

    def channel_demonstration(self, text: str, word: str) -> str:
        """Write one solved example from label to text."""
        after = (self.channel or TEXT).partition(TEXT)[2]
        return f"{self.before_text(word)}{text}{after}{_BETWEEN}"


def _joined(words: str, word: str) -> str:
    return f"{words}{word}" if not words or words[-1].isspace() else f"{words} {word}"


TEMPLATES: dict[str, PromptTemplate] = {}
TEMPLATES.update(
    plain=PromptTemplate("{text}\nAnswer:"),
    sentiment=PromptTemplate("{text}\nIt was", "It was {label}.\n{text}"),
    topic=PromptTemplate("{text}\nThis article is about", "This article is about {label}:\n{text}"),
    garment=PromptTemplate("{text}\nThis garment is a", "This garment is a {label}:\n{text}"),
    attribute=PromptTemplate("Product: {text}\nAttribute:", "Attribute: {label}\nProduct: {text}"),
)
