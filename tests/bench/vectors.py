"""Vector search beside what others do: recall, rows and time, side by side in one run.

python -m tests.bench.vectors [--dims 128] [--total 100000] [--queries 100] [--largest 17000]
                              [--threshold 2000] [--json FILE]

So many vectors of 200 agencies (20 at more than 512 numbers), of which five sizes are shown. Each
question is asked of all ways in turn, by the owner of the agency under row-level security:

| way | what it is |
|---|---|
| shared | one HNSW index for all agencies, with the settings of pgvector: what a newcomer does |
| exact | btree (agency_id), every vector of the agency compared |
| ours | `ai.search`: the whole function, texts included, the agency in the tier it belongs to |
| arm | of that the search by vectors alone, ids without their texts: what the limit does, too |
| alone | the limit: a table and an HNSW index of that agency alone, ef_search 200, no policies |

Three rounds: plain; only notes, a third of the documents; plain while another connection inserts
vectors of other agencies, into every table. Printed are recall@10, how many questions got fewer
rows than there are, p50 in ms, and for ours and arm the median of the ratio to the limit's time in
the same turn, with the quartiles. Real texts gather around topics, and so do these vectors; a
question is near one.
"""

import argparse
import hashlib
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg

from migrations.runner.connect import Address
from migrations.tiers import Move
from tests.database import Cluster, Database, private_server

SIZES = (85, 567, 1700, 8500, 17000)
K = 10
WARM = 5
ISSUER = "https://bench.example"
USER = UUID(int=1)
MODEL = UUID(int=2)
WRITES_PER_SECOND = 20

Vectors = np.ndarray[Any, np.dtype[np.float32]]

# A table of vectors of any size, as the revisions make those of 1536.
STORAGE = """
set local role gardenos_owner;
create table ai.embeddings_{0} (like ai.embeddings_vector_1536 including defaults)
    partition by list (tier);
alter table ai.embeddings_{0}
    alter embedding type extensions.vector({1}),
    alter storage set default '{0}',
    alter tier set default app.embedding_tier('{0}'),
    add primary key (agency_id, id, tier),
    add foreign key (agency_id) references tenancy.agencies (id),
    add foreign key (agency_id, chunk_id) references ai.chunks (agency_id, id) on delete cascade,
    add foreign key (agency_id, memory_id) references ai.memories (agency_id, id) on delete cascade,
    add foreign key (model_id, storage) references ai.embedding_models (id, storage);
create unique index on ai.embeddings_{0} (agency_id, chunk_id, model_id, tier)
    where chunk_id is not null;
create unique index on ai.embeddings_{0} (agency_id, memory_id, model_id, tier)
    where memory_id is not null;
create index on ai.embeddings_{0} (agency_id, model_id);
create index on ai.embeddings_{0} (model_id, storage);
create table ai.embeddings_{0}_small partition of ai.embeddings_{0} for values in ('small');
create table ai.embeddings_{0}_large partition of ai.embeddings_{0} for values in ('large')
    partition by list (agency_id);
alter table ai.embeddings_{0} enable row level security;
alter table ai.embeddings_{0} force row level security;
grant select on ai.embeddings_{0} to authenticated;
grant select, insert, update, delete on ai.embeddings_{0} to gardenos_worker;
do $$
declare
    p record;
begin
    for p in
        select * from pg_policies where schemaname = 'ai' and tablename = 'embeddings_vector_1536'
    loop
        execute format(
            'create policy %I on ai.embeddings_{0} as %s for %s to %s %s %s',
            p.policyname, p.permissive, p.cmd, array_to_string(p.roles, ','),
            'using (' || p.qual || ')', 'with check (' || p.with_check || ')'
        );
    end loop;
end
$$;
reset role;
"""
OTHERS = """
create schema bench;
grant usage on schema bench to authenticated;
create table bench.shared (
    agency_id uuid not null,
    id uuid not null,
    is_note boolean not null,
    embedding extensions.vector({0}) not null
);
create table bench.exact (like bench.shared);
grant select on bench.shared, bench.exact to authenticated;
alter table bench.shared enable row level security;
alter table bench.exact enable row level security;
create policy mine on bench.shared using (agency_id = (select app.agency_id()));
create policy mine on bench.exact using (agency_id = (select app.agency_id()));
"""
DISTANCE = "embedding operator(extensions.<=>) %s"
HNSW = "using hnsw (embedding extensions.vector_cosine_ops) with (m = 16, ef_construction = 64)"


@dataclass
class Agency:
    """One tenant, and what its vectors are."""

    number: int
    vectors: Vectors

    @property
    def id(self) -> UUID:
        """Its id."""
        return UUID(int=1000 + self.number)

    def chunk(self, row: int) -> UUID:
        """The id of a chunk, in every table."""
        return UUID(bytes=hashlib.md5(f"{self.number}:{row}".encode()).digest())  # noqa: S324

    def is_note(self, row: int) -> bool:
        """Whether a chunk is of a note: a third, as documents of ten chunks come."""
        return row // 10 % 3 == 0


@dataclass
class Tally:
    """What one way answered to an agency's questions."""

    recalls: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    short: int = 0


@dataclass
class Bench:
    """The database, and how questions are made."""

    database: Database
    dims: int
    threshold: int
    numbers: np.random.Generator
    topics: Vectors
    agencies: list[Agency] = field(default_factory=list)
    placed: dict[UUID, tuple[Agency, int]] = field(default_factory=dict)

    @property
    def storage(self) -> str:
        """The name of the table of vectors."""
        return f"vector_{self.dims}"

    def vectors(self, count: int) -> Vectors:
        """So many texts about the topics."""
        about = self.topics[self.numbers.integers(0, len(self.topics), count)]
        found = about + self.numbers.normal(size=(count, self.dims))
        return _unit(found)

    def question(self, agency: Agency) -> Vectors:
        """A question near one of the texts."""
        text = agency.vectors[self.numbers.integers(len(agency.vectors))]
        noise = self.numbers.normal(size=self.dims) * 0.5 / self.dims**0.5
        found: Vectors = _unit((text + noise)[None, :])[0]
        return found

    def best(self, agency: Agency, question: Vectors, *, notes: bool) -> set[UUID]:
        """The nearest texts, compared one by one."""
        order = np.argsort(-(agency.vectors @ question))
        found = (int(row) for row in order if not notes or agency.is_note(int(row)))
        return {agency.chunk(row) for row, _ in zip(found, range(K), strict=False)}

    def build(self, sizes: list[int]) -> None:
        """Write everything, past the triggers, and promote who is large."""
        with self.database.connect(autocommit=True) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute("set maintenance_work_mem = '1GB'")
            if self.dims != 1536:
                with connection.transaction():
                    connection.execute(STORAGE.format(self.storage, self.dims).encode())
            connection.execute(OTHERS.format(self.dims).encode())
            connection.execute(
                "insert into ai.embedding_models (id, key, provider, model, vector_type, dims)"
                " values (%s, 'bench', 'bench', 'bench', 'vector', %s)",
                [MODEL, self.dims],
            )
            connection.execute(
                "insert into tenancy.issuers (issuer, kind, may_assert_user_id)"
                " values (%s, 'own', true)",
                [ISSUER],
            )
            connection.execute(
                "insert into tenancy.users (id, full_name) values (%s, 'Owner')", [USER]
            )
            for number, size in enumerate(sizes):
                self.agencies.append(Agency(number, self.vectors(size)))
                self._write(connection, self.agencies[-1])
            for index in (
                f"shared {HNSW}",
                "shared (id)",
                "exact (agency_id)",
            ):
                connection.execute(f"create index on bench.{index}".encode())
        for agency in self.agencies:
            if len(agency.vectors) >= self.threshold:
                worker = Address.parse(self.database.url("gardenos_worker"))
                Move(worker, agency.id, "large", self.storage, batch=1000).carry_through()
        with self.database.connect(autocommit=True) as connection:
            connection.execute("vacuum analyze")

    def _write(self, connection: psycopg.Connection[Any], agency: Agency) -> None:
        connection.execute(
            "insert into tenancy.agencies (id, slug, name, embedding_model_id)"
            " values (%s, %s, 'Bench', %s)",
            [agency.id, f"bench-{agency.number}", MODEL],
        )
        connection.execute(
            "insert into tenancy.memberships (agency_id, id, user_id, role, record_scope,"
            " display_name) values (%s, %s, %s, 'owner', 'all', 'Owner')",
            [agency.id, agency.id, USER],
        )
        connection.execute(
            "insert into ai.agency_tiers (agency_id, storage) values (%s, %s)",
            [agency.id, self.storage],
        )
        documents = -(-len(agency.vectors) // 10)
        with connection.cursor() as cursor:
            with cursor.copy(
                "copy ai.documents (agency_id, id, source_kind, conversation_id, title,"
                " content_sha256, visibility) from stdin"
            ) as copy:
                for number in range(documents):
                    key = UUID(int=number + 1)
                    kind = "note" if number % 3 == 0 else "conversation"
                    source = None if kind == "note" else key
                    copy.write_row([agency.id, key, kind, source, "Bench", b"." * 32, "agency"])
            with cursor.copy(
                "copy ai.chunks (agency_id, id, document_id, seq, content, token_count,"
                " content_sha256, visibility) from stdin"
            ) as copy:
                for row in range(len(agency.vectors)):
                    key = agency.chunk(row)
                    self.placed[key] = (agency, row)
                    copy.write_row(
                        [
                            agency.id,
                            key,
                            UUID(int=row // 10 + 1),
                            row % 10,
                            f"About {row}, and more " * 10,
                            50,
                            b"." * 32,
                            "agency",
                        ]
                    )
            with cursor.copy("copy bench.shared from stdin") as copy:
                for row, vector in enumerate(agency.vectors):
                    text = "[" + ",".join(map("{:.6g}".format, vector)) + "]"
                    copy.write_row([agency.id, agency.chunk(row), agency.is_note(row), text])
        connection.execute(
            "insert into bench.exact select * from bench.shared where agency_id = %s order by id",
            [agency.id],
        )
        connection.execute(
            f"insert into ai.embeddings_{self.storage} (agency_id, id, chunk_id, model_id, storage,"
            f" tier, content_sha256, embedding, visibility) select agency_id, id, id, %s,"
            f" '{self.storage}', 'small', sha256('x'), embedding, 'agency' from bench.shared"
            " where agency_id = %s".encode(),
            [MODEL, agency.id],
        )
        if agency.number < len(SIZES):
            alone = f"bench.alone_{agency.number}"
            connection.execute(
                f"create table {alone} as select id, is_note, embedding from bench.shared"
                f" where agency_id = '{agency.id}'".encode()
            )
            connection.execute(f"create index on {alone} {HNSW}".encode())

    @contextmanager
    def asker(self, agency: Agency) -> Iterator[psycopg.Connection[Any]]:
        """The owner of an agency in a transaction."""
        claims = {
            "iss": ISSUER,
            "role": "authenticated",
            "user_id": str(USER),
            "agency_id": str(agency.id),
        }
        with self.database.connect("authenticator", autocommit=True) as connection:
            connection.execute("set statement_timeout = 0")
            with connection.transaction():
                connection.execute(
                    "select set_config('role', 'authenticated', true),"
                    " set_config('request.jwt.claims', %s, true)",
                    [json.dumps(claims)],
                )
                yield connection

    def ask(self, agency: Agency, questions: int, *, notes: bool) -> dict[str, Tally]:
        """Ask all ways in turn."""
        tallies = {way: Tally() for way in ("shared", "exact", "ours", "arm", "alone")}
        where = " where is_note" if notes else ""
        filters = json.dumps({"type": "note"} if notes else {})
        with (
            self.asker(agency) as owner,
            self.asker(agency) as newcomer,
            self.database.connect(autocommit=True) as plain,
        ):
            plain.execute("select '[1]'::extensions.vector")
            plain.execute("set hnsw.ef_search = 200")
            if notes:
                plain.execute("set hnsw.iterative_scan = relaxed_order")
            # an index is used where it is there, at every size: a large table needs no telling
            for session in (plain, newcomer):
                session.execute("set enable_sort = off")
            for number in range(questions + WARM):
                question = self.question(agency)
                wanted = self.best(agency, question, notes=notes)
                text = "[" + ",".join(map("{:.6g}".format, question)) + "]"
                ways: dict[str, tuple[psycopg.Connection[Any], str, list[Any]]] = {
                    name: (
                        connection,
                        f"select id from bench.{table}{where} order by {DISTANCE} limit {K}",
                        [text],
                    )
                    for name, connection, table in (
                        ("shared", newcomer, "shared"),
                        ("exact", owner, "exact"),
                        ("alone", plain, f"alone_{agency.number}"),
                    )
                }
                ways["ours"] = (
                    owner,
                    f"select id from ai.search(null, %s::real[], {K}, %s)",
                    [question.tolist(), filters],
                )
                ways["arm"] = (
                    owner,
                    "select chunk_id from app.vector_candidates(%s::real[], 50, %s)"
                    f" order by distance limit {K}",
                    [question.tolist(), filters],
                )
                for way, tally in tallies.items():
                    connection, statement, arguments = ways[way]
                    begun = time.perf_counter()
                    rows = connection.execute(statement.encode(), arguments).fetchall()
                    taken = time.perf_counter() - begun
                    if number < WARM:
                        continue
                    tally.seconds.append(taken)
                    tally.recalls.append(len({row[0] for row in rows} & wanted) / len(wanted))
                    tally.short += len(rows) < len(wanted)
        return tallies

    @contextmanager
    def writer(self) -> Iterator[None]:
        """Somebody who inserts vectors of other agencies meanwhile, into every table."""
        done = threading.Event()
        other = self.agencies[-1]

        def write() -> None:
            with self.database.connect(autocommit=True) as connection:
                connection.execute("set session_replication_role = replica")
                while not done.wait(1 / WRITES_PER_SECOND):
                    text = "[" + ",".join(map("{:.6g}".format, self.vectors(1)[0])) + "]"
                    for table in ("shared", "exact"):
                        connection.execute(
                            f"insert into bench.{table} values"
                            " (%s, gen_random_uuid(), true, %s)".encode(),
                            [other.id, text],
                        )
                    connection.execute(
                        f"insert into ai.embeddings_{self.storage} (agency_id, chunk_id, model_id,"
                        " storage, tier, content_sha256, embedding, visibility)"
                        f" values (%s, gen_random_uuid(), %s, '{self.storage}', 'small',"
                        " sha256('x'), %s, 'agency')".encode(),
                        [other.id, MODEL, text],
                    )

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _unit(vectors: Any) -> Vectors:
    found: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


def spread(ratios: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def rest_of(total: int, shown: list[int], count: int, threshold: int) -> list[int]:
    """Sizes of the agencies that are not shown: few large ones, many small ones."""
    left, sizes = total - sum(shown), []
    for number in range(count):
        share = left // (2 + number // 4) if number < 8 else left // (count - number)
        sizes.append(max(5, min(share, 4 * threshold, left)))
        left = max(5, left - sizes[-1])
    return sizes


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.vectors")
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--total", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="scales the sizes shown")
    parser.add_argument("--threshold", type=int, default=2000, help="vectors; above, promoted")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    arguments = parser.parse_args()
    shown = [max(20, size * arguments.largest // SIZES[-1]) for size in SIZES]
    if sum(shown) > arguments.total:
        print(f"--total must be at least {sum(shown)}", file=sys.stderr)
        return 2
    others = 195 if arguments.dims <= 512 else 15
    numbers = np.random.default_rng(8)
    figures: list[dict[str, Any]] = []
    settings = {"shared_buffers": "4GB", "max_wal_size": "8GB"}
    with private_server(settings) as server, Cluster(server).migrated() as database:
        bench = Bench(
            database,
            arguments.dims,
            arguments.threshold,
            numbers,
            numbers.normal(size=(300, arguments.dims)).astype(np.float32),
        )
        bench.build([*shown, *rest_of(arguments.total, shown, others, arguments.threshold)])
        print(f"{arguments.dims} numbers, {sum(len(a.vectors) for a in bench.agencies)} vectors")
        print("| round | vectors | way | recall@10 | fewer rows | p50, ms | that / alone |")
        print("|---|---|---|---|---|---|---|")
        for round_name in ("plain", "notes only", "while another inserts"):
            for agency in bench.agencies[: len(shown)]:
                if round_name == "while another inserts":
                    with bench.writer():
                        tallies = bench.ask(agency, arguments.queries, notes=False)
                else:
                    notes = round_name == "notes only"
                    tallies = bench.ask(agency, arguments.queries, notes=notes)
                for way, tally in tallies.items():
                    pairs = zip(tally.seconds, tallies["alone"].seconds, strict=True)
                    ratios = [one / limit for one, limit in pairs]
                    figures.append(
                        {
                            "round": round_name,
                            "vectors": len(agency.vectors),
                            "way": way,
                            "recall": statistics.mean(tally.recalls),
                            "fewer rows": tally.short,
                            "p50 ms": statistics.median(tally.seconds) * 1000,
                            "ratio to alone": statistics.quantiles(ratios, n=4),
                        }
                    )
                    print(
                        f"| {round_name} | {len(agency.vectors)} | {way}"
                        f" | {figures[-1]['recall']:.4f} | {tally.short}"
                        f" | {figures[-1]['p50 ms']:.2f}"
                        f" | {spread(ratios) if way in ('ours', 'arm') else ''} |",
                        flush=True,
                    )
    if arguments.json is not None:
        arguments.json.write_text(
            json.dumps({"dims": arguments.dims, "figures": figures}, indent=1)
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
