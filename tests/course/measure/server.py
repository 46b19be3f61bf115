"""A chapter's server, started to be measured; for the other programs of this folder."""

import os
import subprocess


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


def processor_time(process):
    """How many seconds of processor time it has taken."""
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
