"""The queries of `sql/monitoring/`, and the collector of Prometheus' sql_exporter that runs them.

`python -m tests.audit.collector` writes `sql/monitoring/gardenos.collector.yml`: an exporter wants
the text of its queries in its own file, and a person wants to read and run them one by one. A test
fails when the two differ. Each value is a gauge `gardenos_<query>_<column>`.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.database import ROOT

MONITORING = ROOT / "sql" / "monitoring"
COLLECTOR = MONITORING / "gardenos.collector.yml"
HEADER = """\
# Written by `python -m tests.audit.collector` from the queries beside it: change those.
# For sql_exporter, as gardenos_monitor, on every node; give that login a statement_timeout.
collector_name: gardenos
min_interval: 15s
"""


@dataclass(frozen=True)
class Query:
    """One file of queries: what it says of itself, and its statement."""

    name: str
    text: str
    labels: tuple[str, ...]
    values: tuple[str, ...]
    statement: str

    def metric(self, value: str) -> str:
        """The name of the gauge of a column."""
        return f"gardenos_{self.name}_{value}"


def queries() -> list[Query]:
    """Every query there is, by name."""
    return [_read(path) for path in sorted(MONITORING.glob("*.sql"))]


def _read(path: Path) -> Query:
    lines = path.read_text().splitlines()
    comments = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    listed = {"labels": "", "values": ""}
    text = []
    for comment in comments:
        key, colon, names = comment.partition(":")
        if colon and key in listed:
            listed[key] += f"{names},"
        elif comment:
            text.append(comment)
    labels, values = (
        tuple(name.strip() for name in names.split(",") if name.strip())
        for names in (listed["labels"], listed["values"])
    )
    statement = "\n".join(line for line in lines if not line.startswith("--")).strip()
    return Query(path.stem, " ".join(text), labels, values, statement.removesuffix(";"))


def render() -> str:
    """The collector of all queries."""
    metrics, statements = ["metrics:"], ["queries:"]
    for query in queries():
        for value in query.values:
            metrics += [
                f"  - metric_name: {query.metric(value)}",
                "    type: gauge",
                f"    help: 'column {value} of sql/monitoring/{query.name}.sql'",
                *([f"    key_labels: [{', '.join(query.labels)}]"] if query.labels else []),
                f"    values: [{value}]",
                f"    query_ref: {query.name}",
            ]
        statements += [
            f"  - query_name: {query.name}",
            "    query: |",
            *(f"      {line}".rstrip() for line in query.statement.splitlines()),
        ]
    return HEADER + "\n".join([*metrics, *statements]) + "\n"


if __name__ == "__main__":
    COLLECTOR.write_text(render())
