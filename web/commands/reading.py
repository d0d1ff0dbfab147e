"""`parcelflow read`: what can be read from files, without keeping anything."""

import json
import os
import sys
from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--profile", help="Source profile: which fields and barcodes to look for (order, receipt).")
@click.option("--only", type=click.Choice(["barcodes", "text", "fields"]), help="Do only this part of the work.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line and file.")
def read(files: tuple[Path, ...], profile: str | None, only: str | None, as_json: bool) -> None:
    """Read pages, words, barcodes and index fields of FILES."""
    from capture.errors import Missing, Unreadable  # noqa: PLC0415 - imaging libraries load slowly
    from capture.reading import Only, error_as_json, read_file, reading_as_json  # noqa: PLC0415

    failed = False
    for file in files:
        try:
            if not (file.is_file() and os.access(file, os.R_OK)):
                raise Missing
            result = reading_as_json(read_file(file, profile, Only(only) if only else None))
        except Unreadable as error:
            result, failed = error_as_json(str(file), error), True
        click.echo(json.dumps(result, ensure_ascii=False) if as_json else _in_words(result))
    sys.exit(failed)


def _in_words(result: dict[str, object]) -> str:
    """Give a result for people: its fields, or what went wrong."""
    error = result.get("error")
    if isinstance(error, dict):
        return f"{result['file']}: {error['message']} ({error['code']})"
    pages, fields = result.get("pages"), result.get("fields")
    head = f"{result['file']}: {len(pages) if isinstance(pages, list) else 0} pages"
    found = fields if isinstance(fields, list) else []
    return "\n".join([head, *(f"  {f['name']}: {f['value']} ({f['confidence']:.0%}, {f['origin']})" for f in found)])
