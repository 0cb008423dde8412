"""A real nginx with one server block, for the tests of what stands behind a proxy."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Iterator
from pathlib import Path

from tests.integration.servers import running

_AROUND = """
daemon off; worker_processes 1; user {user}; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {server}
}}
"""


@contextlib.contextmanager
def nginx(program: str, server: str, port: int, folder: Path) -> Iterator[str]:
    """Run *program* with the block *server*, which listens on *port*; yields its address."""
    configuration = folder / "nginx.conf"
    text = _AROUND.format(folder=folder, server=server, user=getpass.getuser())
    configuration.write_text(text)
    command = [program, "-c", str(configuration), "-e", str(folder / "error")]
    with running(command, port, folder / "nginx.log") as address:
        yield address
