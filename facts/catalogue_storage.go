package facts

var (
	rotational = declare(Desc{ID: "storage.rotational", Type: Boolean, MaxAge: forever, Platforms: desktopOSes,
		Help: "The volume that will be written to lies, somewhere below its partitions, mappings and loops, on a spinning disk. Poor quality on virtual disks."})
	queueDepth = declare(Desc{ID: "storage.io_queue_depth", Type: Number, Unit: "requests", Min: bound(0), MaxAge: momentary, Platforms: []string{"linux", "windows"},
		Help: "Average number of requests in flight on the busiest disk below the volume since the last look (at least 200 ms)."})
	ioBusy = declare(ratio("storage.io_busy_ratio",
		"Share of the time since the last look in which the busiest disk below the volume had work.", []string{"linux", "windows"}))
	freeBytes  = declare(bytesOf("storage.free_bytes", "Bytes an unprivileged program may still write on the volume.", everyOS))
	totalBytes = declare(bytesOf("storage.total_bytes", "Size of the volume.", everyOS))
	readOnly   = declare(boolean("storage.read_only", "The volume is mounted read-only.", desktopOSes))
	filesystem = declare(text("storage.filesystem", "Type of the file system, as the kernel names it, in lower case: ext4, btrfs, nfs4, ntfs, apfs.", desktopOSes))

	cpuSome    = declare(pressure("pressure.cpu.some_avg10_ratio", "some task waited for a processor"))
	cpuFull    = declare(pressure("pressure.cpu.full_avg10_ratio", "every task waited for a processor"))
	ioSome     = declare(pressure("pressure.io.some_avg10_ratio", "some task waited for a disk"))
	ioFull     = declare(pressure("pressure.io.full_avg10_ratio", "every task waited for a disk"))
	memorySome = declare(pressure("pressure.memory.some_avg10_ratio", "some task waited for memory"))
	memoryFull = declare(pressure("pressure.memory.full_avg10_ratio", "every task waited for memory"))
)

func pressure(id ID, what string) Desc {
	return ratio(id, "Share of the last ten seconds in which "+what+" (PSI, of user.slice where it exists, else of the machine).", linuxOnly)
}
