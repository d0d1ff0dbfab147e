"""Turn office files into PDF with LibreOffice: headless, a fresh user profile for each call, no network, limited."""

import tempfile
from pathlib import Path

from confined.errors import ChildFailed
from confined.limits import Limits
from confined.programs import run_program

OFFICE_SUFFIXES = frozenset({".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ods", ".csv", ".ppt", ".pptx", ".odp"})
_LIMITS = Limits(cpu_seconds=60, wall_seconds=180, memory_bytes=4 << 30)
_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
 <item oor:path="/org.openoffice.Office.Common/Security/Scripting">
  <prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop>
  <prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop>
  <prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop>
 </item>
 <item oor:path="/org.openoffice.Office.Writer/Content/Update">
  <prop oor:name="Link" oor:op="fuse"><value>2</value></prop>
 </item>
</oor:items>
"""


class OfficeFailed(ChildFailed):
    """LibreOffice made no PDF of the file; it may be damaged, protected by a password, or of an unknown kind."""

    code = "office_failed"


def to_pdf(data: bytes, suffix: str, limits: Limits | None = None) -> bytes:
    """Return `data`, an office file of the kind that `suffix` (".docx") names, as PDF.

    LibreOffice maps far more memory than it uses, so its default limit is higher than that of other children. Raises
    OfficeFailed when nothing comes out, ProgramMissing without LibreOffice, and ChildFailed when a limit is passed.
    """
    if suffix not in OFFICE_SUFFIXES:
        raise OfficeFailed(f"Files called {suffix!r} are not made into PDF.")
    with tempfile.TemporaryDirectory(prefix="office-") as name:
        folder = Path(name)
        source = folder / f"document{suffix}"
        source.write_bytes(data)
        _write_profile(folder / "profile")
        finished = run_program(
            _command(source, folder), folder=folder, environment={"HOME": name}, limits=limits or _LIMITS
        )
        made = folder / "document.pdf"
        if not made.exists():
            raise OfficeFailed(f"LibreOffice made no PDF: {finished.errors.decode(errors='replace').strip()[:200]}")
        return made.read_bytes()


def _command(source: Path, folder: Path) -> list[str]:
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    quiet = ["--headless", "--norestore", "--nologo", "--nodefault", "--nofirststartwizard"]
    return ["soffice", profile, *quiet, "--convert-to", "pdf", "--outdir", str(folder), str(source)]


def _write_profile(profile: Path) -> None:
    user = profile / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(_SETTINGS, encoding="utf-8")
