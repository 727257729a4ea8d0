"""Find links in the documentation that lead nowhere: missing files, missing headings. No network."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def main() -> int:
    """Print every dead link; exit status 1 if there is one."""
    dead = [line for page in pages() for line in dead_links(page)]
    sys.stdout.write("".join(f"{line}\n" for line in dead))
    return 1 if dead else 0


def pages() -> list[Path]:
    """Markdown files that git knows or would take."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).exists()]


def dead_links(page: Path) -> list[str]:
    """One line per link of a page that leads nowhere."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = [first or second for first, second in LINK.findall(text)]
    return [
        f"{page.relative_to(ROOT)}: dead link {target}" for target in targets if not leads_somewhere(page, target)
    ]


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether a link's file exists and has the heading it names; other sites are not asked."""
    if re.match(r"[a-z]+:", target):
        return True
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return False
    return not anchor or file.suffix != ".md" or anchor in {slug(line) for line in file.read_text().splitlines()}


def slug(line: str) -> str:
    """The anchor of a heading, as common renderers make it."""
    heading = re.match(r"#+\s+(.*)", line)
    words = re.sub(r"[^\w\- ]", "", heading.group(1).lower()) if heading else ""
    return words.strip().replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
