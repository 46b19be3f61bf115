"""A chapter's server, started to be measured; for the other programs of this folder."""

import os
import socket
import ssl
import subprocess

# Who answers is not asked: it was started here.
ANYBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANYBODY.check_hostname = False
ANYBODY.verify_mode = ssl.CERT_NONE


def start(command, limits=None, folder=None):
    """Starts it on a free port, with these limits and in this folder, and gives the process
    and the port. Its output is a pipe."""
    environment = dict(os.environ)
    if limits is not None:
        environment["LIMITS"] = limits
    process = subprocess.Popen(
        [*command, "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
    )
    return process, int(process.stdout.readline().split()[3].rstrip(b"."))


def connect(port, scheme, patience):
    """A connection to it, over TLS where the scheme is https. There, an end that is not
    sealed is an error, and no end."""
    connection = socket.create_connection(("127.0.0.1", port), patience)
    if scheme == "https":
        return ANYBODY.wrap_socket(connection, suppress_ragged_eofs=False)
    return connection


def processor_time(process):
    """How many seconds of processor time it has taken."""
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
