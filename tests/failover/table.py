"""The table of a run: what each fault cost."""

from collections.abc import Iterable
from statistics import median

from tests.failover.scene import Report

HEAD = ("fault", "profile", "runs", "write gap: median", "worst", "timelines", "lost", "leaked")


def table(reports: Iterable[Report]) -> str:
    """Markdown: a line for each fault and profile; gaps in seconds, as the writers saw them."""
    groups: dict[tuple[str, str], list[Report]] = {}
    for report in reports:
        # what happens; what must hold stands after the colon
        name = str(report.fault).partition(":")[0]
        groups.setdefault((name, report.profile), []).append(report)
    lines = [HEAD, ("---",) * len(HEAD)]
    for (name, profile), group in sorted(groups.items(), key=lambda each: _order(each[0])):
        summaries = [report.verdict.summary for report in group]
        gaps = [report.gap for report in group]
        changes = sorted({report.promotions for report in group})
        lines.append(
            (
                name,
                profile,
                str(len(group)),
                f"{median(gaps):.1f} s",
                f"{max(gaps):.1f} s",
                ", ".join(f"+{change}" for change in changes),
                str(sum(each.lost or 0 for each in summaries)),
                str(sum(each.leaked for each in summaries)),
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _order(key: tuple[str, str]) -> tuple[int, str, str]:
    name, profile = key
    number = name.split(" ", 1)[0].lstrip("F")
    return int("".join(filter(str.isdigit, number))), number, profile
