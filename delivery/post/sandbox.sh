# Runs "$2 …" with nothing of this machine but programs, typefaces and the
# directory $1/job, which it sees as /job. The caller has given us namespaces of
# our own for mounts, network and processes; all of it goes when we end.
set -e
dir=$1
shift
root=$dir/root
mkdir -p "$root"
mount -t tmpfs -o size=256m,mode=755 tmpfs "$root"
for d in usr bin sbin lib lib32 lib64 opt etc/fonts etc/libreoffice etc/alternatives; do
	if [ -L "/$d" ]; then
		ln -s "$(readlink "/$d")" "$root/$d"
	elif [ -d "/$d" ]; then
		mkdir -p "$root/$d"
		mount --bind "/$d" "$root/$d"
		mount -o remount,bind,ro "$root/$d"
	fi
done
mkdir -p "$root/dev" "$root/tmp" "$root/job" "$root/proc"
for f in null zero random urandom; do
	: >"$root/dev/$f"
	mount --bind "/dev/$f" "$root/dev/$f"
done
cp /etc/ld.so.cache "$root/etc/"
mount --bind "$dir/job" "$root/job"
mount -t proc proc "$root/proc"
ulimit -v "$BODE_MEMORY_KB" # address space
ulimit -f 524288            # 256 MiB in one file
ulimit -c 0
cd "$root"
exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/job TMPDIR=/tmp LANG=C.UTF-8 \
	/usr/bin/setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
