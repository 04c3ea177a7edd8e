# A Slurm of one node on this machine, from Debian's packages, without systemd; sourced by run.sh.
start_cluster() {
  local at=$1 host cores
  host=$(hostname -s)
  cores=$(nproc)
  if ! command -v slurmctld > /dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurmctld slurmd slurm-client munge > /dev/null
  fi
  mkdir -p "$at"/{state,spool,log}
  # A munge of our own, so that nothing of the machine's is touched.
  install -d -m 700 -o munge -g munge "$at/munge"
  chmod 711 "$at"
  chmod 755 "$(dirname "$at")"
  head -c 1024 /dev/urandom > "$at/munge/munge.key"
  chown munge: "$at/munge/munge.key"
  chmod 400 "$at/munge/munge.key"
  setpriv --reuid=munge --regid=munge --clear-groups munged --key-file="$at/munge/munge.key" --socket="$at/munge/socket" --pid-file="$at/munge/pid" \
    --log-file="$at/munge/log" --seed-file="$at/munge/seed" --force
  chmod 711 "$at/munge"
  cat > "$at/slurm.conf" << CONF
ClusterName=test
SlurmctldHost=$host
AuthType=auth/munge
AuthInfo=socket=$at/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
StateSaveLocation=$at/state
SlurmdSpoolDir=$at/spool
SlurmctldPidFile=$at/slurmctld.pid
SlurmdPidFile=$at/slurmd.pid
SlurmctldLogFile=$at/log/slurmctld
SlurmdLogFile=$at/log/slurmd
SwitchType=switch/none
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
JobRequeue=1
NodeName=$host CPUs=$cores State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$at/slurm.conf
  slurmctld -f "$SLURM_CONF"
  slurmd -f "$SLURM_CONF"
  for _ in $(seq 30); do
    sinfo -h -o %T 2> /dev/null | grep -q idle && return
    sleep 1
  done
  cat "$at"/log/*
  echo "slurm: the cluster did not come up"
  return 1
}

stop_cluster() {
  scancel --user=root 2> /dev/null || true
  for daemon in slurmctld slurmd munge/pid; do
    local file
    file=$(dirname "$SLURM_CONF")/${daemon%.pid}
    [ -f "$file" ] || file=$file.pid
    [ -f "$file" ] && kill "$(cat "$file")" 2> /dev/null || true
  done
}
