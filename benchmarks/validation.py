"""Time and memory of the stage ``validated_data`` on tables of any size, with a known share of bad rows.

``python benchmarks/validation.py [--rows 5000000] [--rows …]`` writes ``benchmarks/results/validation.json``.
Each size runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
RESULT = PROJECT / "benchmarks" / "results" / "validation.json"
SEED = 7


def write_raw(raw: Path, rows: int) -> dict[str, int]:
    """Write ``rows`` purchases by ``rows / 25`` customers of 100,000 SKUs; give the bad rows planted.

    In every thousand purchases one price is negative, one date lies in 2090, and one SKU is unknown. One
    customer in two hundred comes twice, and one age in five hundred is impossible.
    """
    raw.mkdir(parents=True)
    customers = rows // 25
    connection = duckdb.connect()
    connection.execute(
        f"COPY (SELECT 'C' || (hash(i, {SEED}) % {customers})::VARCHAR AS customer_id, "
        f"CASE WHEN i % 1000 = 1 THEN 'LOST' "
        f"ELSE 'SKU' || (hash(i, {SEED + 1}) % 100000)::VARCHAR END AS sku, "
        f"CASE WHEN i % 1000 = 2 THEN TIMESTAMP '2090-01-01' "
        f"ELSE TIMESTAMP '2022-01-01' + INTERVAL (hash(i, {SEED + 2}) % 1000) DAY END AS timestamp, "
        f"CASE WHEN i % 1000 = 3 THEN -1.0::DOUBLE "
        f"ELSE 5.0 + (hash(i, {SEED + 3}) % 20000) / 100.0 END AS price, "
        "CASE WHEN i % 3 = 0 THEN 'store' ELSE 'online' END AS channel "
        f"FROM range({rows}) t(i)) TO '{raw}/transactions.parquet' (FORMAT parquet)"
    )
    connection.execute(
        f"COPY (SELECT 'C' || i::VARCHAR AS customer_id, "
        "CASE WHEN i % 500 = 1 THEN 400.0::DOUBLE ELSE 18 + i % 60 END AS age, 'NL' AS country, "
        f"'female' AS gender FROM range({customers}) t(i), "
        "range(CASE WHEN i % 200 = 0 THEN 2 ELSE 1 END) copies) "
        f"TO '{raw}/customers.parquet' (FORMAT parquet)"
    )
    connection.execute(
        "COPY (SELECT 'SKU' || i::VARCHAR AS sku, 'Trousers no. ' || i AS title, "
        "repeat('Soft cotton. ', 8) AS description, "
        "'Trousers' AS category, 'black' AS colour, 'women' AS department, "
        "TIMESTAMP '2021-01-01' + INTERVAL (i % 900) DAY AS introduced, true AS available "
        f"FROM range(100000) t(i)) TO '{raw}/articles.parquet' (FORMAT parquet)"
    )
    connection.close()
    (raw / "source.json").write_text(json.dumps({"kind": "table", "time": "date"}))
    return {"transactions": 3 * (rows // 1000), "customers": -(-customers // 200), "articles": 0}


def measure(rows: int) -> dict[str, object]:
    """Run the stage once; the time counts Great Expectations' import."""
    from rec_assets.params import read_params
    from rec_assets.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        shutil.copy(PROJECT / "params.yaml", workspace.params_file)
        shutil.copytree(
            PROJECT / "great_expectations",
            workspace.expectations,
            ignore=shutil.ignore_patterns("uncommitted"),
        )
        planted = write_raw(workspace.raw, rows)
        before = _peak()
        start, cpu = time.perf_counter(), time.process_time()
        from rec_assets.validation.stage import run

        report = run(workspace, read_params(workspace.params_file))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    found = {table: report.rows[f"{table} in quarantine"] for table in planted}
    if found != planted:
        raise SystemExit(f"planted {planted} bad rows, found {found}")
    return {
        "model": "validated_data",
        "metrics": {
            "transactions_per_second": round(rows / seconds),
            "cpu_seconds": round(cpu, 1),
            "peak_mb_before": before,
            "quarantined": found,
            "checks_passed": all(check.passed for check in report.checks),
        },
        "seconds": round(seconds, 1),
        "peak_mb": _peak(),
        "parameters": {"transactions": rows, "customers": rows // 25, "articles": 100_000},
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    sizes = options.rows or [5_000_000]
    measured = []
    for rows in sizes:
        print(f"{rows} transactions …", file=sys.stderr)
        command = [sys.executable, __file__, "--one", str(rows)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        measured.append(json.loads(done.stdout.splitlines()[-1]))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True
    )
    result = {
        "command": " ".join(["python", "benchmarks/validation.py", *(f"--rows {rows}" for rows in sizes)]),
        "commit": commit.stdout.strip(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seeds": [SEED],
        "rows": measured,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
