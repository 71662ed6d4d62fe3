#!/bin/bash
# Start a SLURM cluster of two nodes, n1 and n2, on this machine, and run a script in it.
#
#   slurm.sh FOLDER SCRIPT
#
# All of it lives in namespaces of its own: a network that has nothing but loopback, a hosts file that knows the
# nodes, and processes that end with this script. FOLDER gets the logs, and is gone through by nobody else.
set -eu
if [ "${IN_CLUSTER:-}" != 1 ]; then
  export IN_CLUSTER=1 PYTHONUNBUFFERED=1
  exec unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi
folder=$1 script=$2
ip link set lo up
ip address add 10.1.0.1/32 dev lo # without another address than 127.0.0.1, getaddrinfo resolves no name
hostname n1
printf '127.0.0.1 localhost\n10.1.0.1 n1 n2\n' >"$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts

mkdir -p "$folder/state" "$folder/munge"
chmod 711 "$folder/munge"
head -c 1024 /dev/urandom >"$folder/munge/key"
chmod 600 "$folder/munge/key"
munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
  --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"

export SLURM_CONF=$folder/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=here
SlurmctldHost=n1
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge/socket
SlurmctldPort=16817
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/slurmctld.log
StateSaveLocation=$folder/state
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmdLogFile=$folder/slurmd-%n.log
SlurmdSpoolDir=$folder/spool-%n
SlurmdParameters=config_overrides
SlurmdTimeout=10
SlurmctldParameters=reboot_from_controller
ReturnToService=2
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=2
MinJobAge=600
NodeName=n[1-2] NodeHostname=n1 Port=[16818-16819] CPUs=8
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE
CONF
printf 'CgroupPlugin=cgroup/v1\n' >"$folder/cgroup.conf"
mkdir -p "$folder/spool-n1" "$folder/spool-n2"
slurmctld
slurmd -N n1
slurmd -N n2
for _ in $(seq 60); do
  [ "$(sinfo --noheader --states=idle --format=%D)" = 2 ] && break
  sleep 1
done
sinfo
bash "$script"
