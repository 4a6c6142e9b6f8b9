package facts

var (
	onAC = declare(boolean("power.on_ac",
		"The machine runs on external power. A machine without a battery does.", desktopOSes))
	powerSource = declare(text("power.source",
		"What the machine runs on.", desktopOSes, "ac", "battery", "ups"))
	batteryPercent = declare(Desc{ID: "power.battery_percent", Type: Number, Unit: "percent", Min: bound(0), Max: bound(100),
		MaxAge: lasting, Platforms: desktopOSes, Help: "Charge of the system batteries together. Not applicable without one."})
	saver = declare(boolean("power.saver",
		"The user asked to save energy: power-saver profile, battery saver, low power mode.", desktopOSes))
	lidClosed = declare(cost(costBus, boolean("power.lid_closed",
		"The lid is closed. Not applicable without one.", linuxOnly)))

	cores = declare(static(count("cpu.cores",
		"Logical processors online, less when a cgroup or the affinity mask limits lull to fewer.", everyOS)))
	cpuBusy = declare(ratio("cpu.busy_ratio",
		"Share of all processors' time spent on anything but idling, waiting for disks and nice'd work, since the last look (at least half a second), lull's own actions excluded.", everyOS))
	load1 = declare(Desc{ID: "cpu.load1_per_core_ratio", Type: Number, Unit: "ratio", Min: bound(0), MaxAge: lasting, Platforms: unixes,
		Help: "One-minute load average divided by the number of cores: 1 means as much work as the machine can do."})

	memoryAvailable = declare(bytesOf("memory.available_bytes", "Memory that can be used without swapping.", everyOS))
	memoryTotal     = declare(static(bytesOf("memory.total_bytes", "Memory installed, or the limit of lull's cgroup.", everyOS)))

	throttled = declare(boolean("thermal.throttled",
		"A processor is slowed down by heat, or was within the last minute. Not applicable where nothing measures heat, as in most guests.", []string{"linux", "windows"}))

	online = declare(cost(costBus, boolean("network.online",
		"The internet can be reached as far as the network manager knows; without one: there is a default route over a link that is up (assumed).", []string{"linux", "windows"})))
	unmetered = declare(cost(costBus, boolean("network.unmetered",
		"Traffic is not paid for by volume. Assumed where the default route is wired and nobody says otherwise; unknown on other links.", []string{"linux", "windows"})))
	networkKind = declare(text("network.kind",
		"What the default route goes over.", linuxOnly, "wired", "wireless", "mobile", "tunnel", "other"))

	uptimeSeconds = declare(seconds("host.uptime_seconds", "Time since boot, suspend included.", everyOS))
	sinceResume   = declare(seconds("host.since_resume_seconds",
		"Time since the machine last woke from sleep; not applicable when it never slept since boot, unknown when nobody watched.", desktopOSes))
	rebootPending = declare(boolean("host.reboot_pending", "Something installed waits for a reboot.", []string{"linux", "windows"}))
	virtual       = declare(static(boolean("host.virtual", "The machine is virtual.", everyOS)))
	container     = declare(static(boolean("host.container", "lull runs in a container and cannot see the whole machine.", linuxOnly)))
	chassis       = declare(static(text("host.chassis", "What kind of machine its firmware says it is.", linuxOnly,
		"desktop", "laptop", "tablet", "server", "embedded", "other")))

	inhibitShutdown = declare(cost(costBus, boolean("inhibitors.shutdown",
		"A program other than lull forbids shutting down now.", linuxOnly)))
	inhibitSleep = declare(cost(costBus, boolean("inhibitors.sleep",
		"A program other than lull forbids sleeping now.", linuxOnly)))
	inhibitHolders = declare(cost(costBus, Desc{ID: "inhibitors.holders", Type: List, MaxAge: lasting, Platforms: linuxOnly,
		Help: "Who holds a blocking inhibitor, as \"what: program\"; lull's own are left out."}))
	packagesLocked = declare(boolean("packages.locked",
		"A package manager (dpkg, apt, rpm, pacman, zypper, Windows Installer) is at work.", []string{"linux", "windows"}))
)
