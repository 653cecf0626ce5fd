"""Copies a Parquet file with its decimals as floats: focus-validator 1.0 takes nothing else for a number.

usage: floats.py FROM TO
"""
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def main(source, target):
    table = pq.read_table(source)
    decimals = [f.with_type(pa.float64()) if pa.types.is_decimal(f.type) else f for f in table.schema]
    pq.write_table(table.cast(pa.schema(decimals)), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
