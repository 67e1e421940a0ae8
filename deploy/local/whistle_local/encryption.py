"""TLS for a private broker and database: for the tests, which make an authority and its certificates of their own.

INVARIANT: a stack that is given certificates listens for nothing unencrypted, but for its supervisor and port mapper.
"""

import os
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path

from whistle_local import ports


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority's certificate, and the servers' own chain and key (for 127.0.0.1). `postgres`: the
    programs of a PostgreSQL that can speak TLS, which ours cannot."""

    authority: Path
    chain: Path
    key: Path
    postgres: Path

    def context(self) -> ssl.SSLContext:
        """What a client needs to believe in servers of this authority only."""
        return ssl.create_default_context(cafile=str(self.authority))

    def of_broker(self, amqp: int, management: int) -> str:
        """RabbitMQ's configuration of its listeners at these ports."""
        files = {"cacertfile": self.authority, "certfile": self.chain, "keyfile": self.key}
        listeners = f"""\
listeners.tcp = none
listeners.ssl.1 = {ports.LOOPBACK}:{amqp}
ssl_options.verify = verify_none
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
management.ssl.ip = {ports.LOOPBACK}
management.ssl.port = {management}
"""
        named = [
            f"{room}.{name} = {file}" for room in ("ssl_options", "management.ssl") for name, file in files.items()
        ]
        return listeners + "\n".join(named) + "\n"

    def of_database(self, data: Path) -> dict[str, str]:
        """PostgreSQL's settings; puts copies into its data directory, readable by the user it runs as and nobody else,
        beside rules that let nobody in without TLS."""
        owner = data.stat()
        placed = {"ssl_cert_file": self.chain, "ssl_key_file": self.key}
        for name, file in placed.items():
            shutil.copyfile(file, data / f"{name}.pem")
        rules = data / "encrypted_only.conf"
        rules.write_text(f"hostssl all all {ports.LOOPBACK}/32 scram-sha-256\n", "utf-8")
        for path in (*(data / f"{name}.pem" for name in placed), rules):
            path.chmod(0o600)
            os.chown(path, owner.st_uid, owner.st_gid)
        return {"ssl": "on", "hba_file": str(rules)} | {name: str(data / f"{name}.pem") for name in placed}
