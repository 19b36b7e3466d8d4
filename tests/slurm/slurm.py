"""A SLURM cluster of two nodes with fake GPUs on this machine, for the tests of this folder.

slurmctld, two slurmd and munged run as this process's children, listen on 127.0.0.1 alone, and end
with it. A GPU is a device file that is a second /dev/null.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".slurm"
BIN = PLACE / "bin"
NODES = ("node1", "node2")
CPUS, MEMORY = 8, 6000
# Two GPUs a node: three folds at once need more than one node.
GPUS = 2
SECONDS_TO_START = 30

CONFIG = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
PluginDir={place}/debian/usr/lib/x86_64-linux-gnu/slurm-wlm
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool/%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd-%n.pid
SlurmctldLogFile={place}/log/slurmctld.log
SlurmdLogFile={place}/log/slurmd-%n.log
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# No systemd and no cgroups; nodes may have more CPUs and memory than this machine.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
# A job over its memory is killed, as seen in /proc every second.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
EnforcePartLimits=ALL
GresTypes=gpu
MinJobAge=3600
KillWait=2
OverTimeLimit=0
SlurmctldTimeout=30
SlurmdTimeout=6
InactiveLimit=0
MessageTimeout=10
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=120 State=UP PriorityTier=1
PartitionName=gpu Nodes=ALL MaxTime=120 State=UP PriorityTier=1
PartitionName=short Nodes=ALL MaxTime=1 State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=120 State=UP PriorityTier=10
"""


class Slurm:
    """The running cluster, and what tests ask of it."""

    def __init__(self):
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Start all daemons; raises TimeoutError where they do not come up."""
        shutil.rmtree(PLACE / "state", ignore_errors=True)
        for name in ("log", "state", "gpu", "etc", *(f"spool/{node}" for node in NODES)):
            (PLACE / name).mkdir(parents=True, exist_ok=True)
        self._write_config()
        key = PLACE / "munge.key"
        key.unlink(missing_ok=True)
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self._begin(
            "munged",
            [
                *(BIN / "munged", "--foreground", "--force", "--key-file", key),
                *("--socket", PLACE / "munge.socket", "--pid-file", PLACE / "munged.pid"),
                *("--log-file", PLACE / "log" / "munged.log", "--seed-file", PLACE / "munge.seed"),
            ],
        )
        wait(lambda: (PLACE / "munge.socket").exists(), SECONDS_TO_START)
        self._begin("slurmctld", [BIN / "slurmctld", "-D"])
        wait(lambda: "UP" in ask("scontrol", "ping"), SECONDS_TO_START)
        for node in NODES:
            self.start_node(node)
        wait(lambda: len(self.nodes("idle")) == len(NODES), SECONDS_TO_START)

    def start_node(self, node: str) -> None:
        stepd = PLACE / "debian" / "usr" / "sbin" / "slurmstepd"
        self._begin(node, [BIN / "slurmd", "-D", "-N", node, "-d", stepd])

    def kill_node(self, node: str) -> None:
        """Take a node away: its daemon and all that its jobs have started, as a power cut does."""
        jobs = [process for process in processes() if _is_of_job(process, node)]
        steps = {parent(process) for process in jobs} - set(jobs) - {1}
        # Those first that would tell the controller of the others' end.
        for process in [self.processes[node].pid, *steps, *jobs]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.processes.pop(node).wait()

    def restore(self) -> None:
        """Cancel all jobs, and wait until both nodes are idle."""
        ask("scancel", "--user", str(os.getuid()))
        for node in NODES:
            if node not in self.processes:
                self.start_node(node)
        wait(lambda: not ask("squeue", "-h"), 60)
        wait(lambda: len(self.nodes("idle")) == len(NODES), 60)

    def nodes(self, state: str) -> list[str]:
        return ask("sinfo", "-h", "-p", "cpu", "-t", state, "-N", "-o", "%N").split()

    def stop(self) -> None:
        """Cancel all jobs and end the daemons, which this process has started, and no other."""
        if "slurmctld" in self.processes:
            ask("scancel", "--user", str(os.getuid()))
            with suppress(TimeoutError):
                wait(lambda: not ask("squeue", "-h"), 20)
        for process in reversed(list(self.processes.values())):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def _begin(self, name: str, command: list) -> None:
        with (PLACE / "log" / f"{name}.out").open("w") as stream:
            self.processes[name] = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )

    def _write_config(self) -> None:
        host = socket.gethostname().partition(".")[0]
        ports = free_ports(1 + len(NODES))
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} "
            f"Boards=1 SocketsPerBoard=1 CoresPerSocket={CPUS} ThreadsPerCore=1 "
            f"RealMemory={MEMORY} Gres=gpu:fake:{GPUS} State=UNKNOWN"
            for node, port in zip(NODES, ports[1:], strict=True)
        ]
        for number in range(GPUS):
            device = PLACE / "gpu" / f"fake{number}"
            if not device.exists():
                os.mknod(device, 0o20666, os.makedev(1, 3))
        files = f"{PLACE}/gpu/fake[0-{GPUS - 1}]"
        gres = [f"NodeName={node} Name=gpu Type=fake File={files}" for node in NODES]
        config = CONFIG.format(
            host=host, port=ports[0], user="root", place=PLACE, nodes="\n".join(nodes)
        )
        (PLACE / "etc" / "slurm.conf").write_text(config)
        (PLACE / "etc" / "gres.conf").write_text("\n".join(gres) + "\n")
        # Nothing of it is used; 22.05 cannot do without the file.
        (PLACE / "etc" / "cgroup.conf").write_text(
            "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nConstrainCores=no\n"
            "ConstrainRAMSpace=no\nConstrainDevices=no\n"
        )


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def ask(*command: str) -> str:
    """Run one of SLURM's commands; give what it printed."""
    run = subprocess.run(
        [BIN / command[0], *command[1:]], capture_output=True, text=True, check=False, timeout=60
    )
    return run.stdout


def wait(holds: Callable[[], object], seconds: float, look: float = 0.2):
    """Wait until something holds, and give it; raises TimeoutError."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s")
        time.sleep(look)
    return found


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _is_of_job(process: int, node: str) -> bool:
    with suppress(OSError):
        words = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace").split("\0")
        return f"SLURMD_NODENAME={node}" in words and any(str(PLACE) in word for word in words)
    return False


if __name__ == "__main__":
    # By hand: a cluster until Ctrl-C; in another shell, PATH=.slurm/bin:$PATH.
    cluster = Slurm()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cluster.start()
        print(ask("sinfo", "-N", "-o", "%N %P %t %c %m %G %l"), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.stop()
        sys.exit()
