"""Write the README's graph from the pipeline: python docs/graph.py."""

from pathlib import Path

from rec_assets.pipeline import STAGES

BEGIN, END = "<!-- graph -->", "<!-- /graph -->"


def mermaid() -> str:
    """Draw the stages as a Mermaid flowchart, an arrow from each stage to those that read from it."""
    lines = ["```mermaid", "flowchart LR"]
    for group in dict.fromkeys(stage.group for stage in STAGES):
        lines.append(f'  subgraph group_{group}["{group}"]')
        lines += [f"    {stage.name}" for stage in STAGES if stage.group == group]
        lines.append("  end")
    closest = {stage.name: _closest(stage.after) for stage in STAGES}
    lines += [f"  {before} --> {name}" for name, befores in closest.items() for before in befores]
    return "\n".join([*lines, "```"])


def _closest(names: tuple[str, ...]) -> list[str]:
    """Leave out stages that another one of ``names`` already follows: the picture stays readable."""
    ancestors = {stage.name: set(stage.after) for stage in STAGES}
    for stage in STAGES:
        for before in stage.after:
            ancestors[stage.name] |= ancestors[before]
    return [name for name in names if not any(name in ancestors[other] for other in names)]


def with_graph(text: str) -> str:
    """Put the present graph between the README's marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{mermaid()}\n{END}{after}"


if __name__ == "__main__":
    readme = Path(__file__).parents[1] / "README.md"
    readme.write_text(with_graph(readme.read_text()))
