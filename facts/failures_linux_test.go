package facts

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// What went wrong elsewhere, by its report. Either it is tried here, on a
// captured machine that is changed to be like the one of the report, or the
// test is named that tries it.
func TestFailuresOfOthersAreNotOurs(t *testing.T) {
	all := machines(t)
	for _, c := range []struct {
		failure string // where it is reported, and what it was
		machine string
		change  func(*captured)
		files   map[string]string
		want    map[ID]any // nil is unknown
	}{
		{
			failure: "BOINC #1187, #3715, #4084, #5226, #7054: away for months, as nothing that is watched sees the user",
			machine: "office-laptop-ac", change: func(c *captured) { c.InputIdle, c.TerminalIdle = nil, nil },
			want: map[ID]any{"presence.idle_seconds": nil, "presence.system_idle_seconds": nil},
		},
		{
			failure: "BOINC #7054, idle_detect: a terminal that nobody types at proves nothing while the devices cannot be opened",
			machine: "office-laptop-ac", change: func(c *captured) { c.InputIdle = nil },
			want: map[ID]any{"presence.idle_seconds": nil},
		},
		{
			failure: "systemd #1295, #9622, swayidle #4, sway #1969: a compositor that declares idle while somebody types",
			machine: "office-laptop-ac", change: func(c *captured) { c.Logind.Sessions[0].Idle, *c.InputIdle = true, 3 },
			want: map[ID]any{"presence.idle_seconds": int64(3)},
		},
		{
			failure: "systemd #12668, #20317: a compositor that never declares idle",
			machine: "office-laptop-ac", change: func(c *captured) { c.Logind.Sessions[0].Idle, *c.InputIdle = false, 3000 },
			want: map[ID]any{"presence.idle_seconds": int64(3000)},
		},
		{
			failure: "systemd #14501: a session on a terminal cannot declare idle at all",
			machine: "ssh-only", change: func(c *captured) { c.TerminalIdle = map[string]int64{"/dev/pts/0": 4000} },
			want: map[ID]any{"presence.idle_seconds": int64(4000)},
		},
		{
			failure: "startx, or a compositor, from a text console: logind calls the session \"tty\", and nobody tells of a film in it",
			machine: "office-laptop-ac", change: func(c *captured) {
				c.Logind.Sessions[0].Kind, c.Logind.Sessions[0].Graphics, c.Agents = "tty", true, nil
			},
			want: map[ID]any{"presence.busy": nil, "presence.graphical_sessions": int64(1)},
		},
		{
			failure: "autosuspend #366: a greeter is nobody",
			machine: "office-laptop-ac", change: func(c *captured) { c.Logind.Sessions[0].Class = "greeter" },
			want: map[ID]any{"presence.sessions": int64(0), "presence.graphical_sessions": int64(0)},
		},
		{
			failure: "idle_detect: input of a remote desktop never shows in the machine's devices",
			machine: "office-laptop-ac", change: func(c *captured) { c.Logind.Sessions[0].Remote, c.Logind.Sessions[0].Seat = true, "" },
			want: map[ID]any{"presence.idle_seconds": nil},
		},
		{
			failure: "uupd hardware.go: a load average that is compared with a percentage: half of what eight cores can do is a half",
			machine: "office-laptop-ac", files: map[string]string{"proc/loadavg": "4.00 4.00 4.00 1/1 1\n"},
			want: map[ID]any{"cpu.load1_per_core_ratio": 0.5},
		},
		{
			failure: "uupd: NetworkManager's \"unknown\" taken for not metered",
			machine: "office-laptop-ac", change: func(c *captured) { *c.Network.Metered = 0 },
			want: map[ID]any{"network.unmetered": nil},
		},
		{
			failure: "uupd: without NetworkManager an update is refused for ever: here a wire is assumed to be free, and Wi-Fi says what is missing",
			machine: "kiosk", want: map[ID]any{"network.unmetered": true, "network.online": true},
		},
		{
			failure: "uupd: without a power profile service an update is refused for ever: the firmware's profile is asked",
			machine: "office-laptop-ac", change: func(c *captured) { c.Profile = "" }, files: map[string]string{"sys/firmware/acpi/platform_profile": "low-power\n"},
			want: map[ID]any{"power.saver": true},
		},
		{
			failure: "openzfs #9033: a zvol that says it does not turn; what lies below zfs is not known",
			machine: "headless-server", files: map[string]string{"proc/self/mountinfo": "28 1 0:31 / / rw - zfs tank/root rw\n"},
			want: map[ID]any{"storage.rotational": nil},
		},
		{
			failure: "WSL #4790: a virtual disk of Hyper-V that says it does not turn", machine: "vm",
			files: map[string]string{"sys/class/block/vda/device/vendor": "Msft\n", "sys/class/block/vda/device/model": "Virtual Disk\n", "sys/class/block/vda/queue/rotational": "0\n"},
			want:  map[ID]any{"storage.rotational": false},
		},
		{
			failure: "QubesOS #4862, hwameistor #1137: a virtual disk that says it turns", machine: "vm",
			want: map[ID]any{"storage.rotational": true},
		},
		{
			failure: "ceph #69105: the mapping on top says solid state, the disk below turns", machine: "headless-server",
			want: map[ID]any{"storage.rotational": true},
		},
		{
			failure: "systemd #21988: a graphics card's USB-C port reads as an offline supply", machine: "desktop-gpu-port",
			want: map[ID]any{"power.on_ac": true},
		},
		{
			failure: "systemd #24214: a NUC with a USB-C port and no battery", machine: "headless-server",
			files: map[string]string{"sys/class/power_supply/ucsi0/type": "USB\n", "sys/class/power_supply/ucsi0/online": "0\n", "sys/class/power_supply/ucsi0/scope": "Unknown\n"},
			want:  map[ID]any{"power.on_ac": true},
		},
		{
			failure: "unattended-upgrades #298: \"I'm not on battery\", on a desktop", machine: "dual-core-hdd",
			want: map[ID]any{"power.on_ac": true},
		},
		{
			failure: "TLP #320: the only adapter is of type USB", machine: "office-laptop-ac",
			files: map[string]string{"sys/class/power_supply/AC/type": "USB\n", "sys/class/power_supply/BAT0/status": "Unknown\n"},
			want:  map[ID]any{"power.on_ac": true},
		},
		{
			failure: "laptop-mode-tools #191, systemd #25316: no adapter says online while the battery charges", machine: "office-laptop-ac",
			files: map[string]string{"sys/class/power_supply/AC/online": "0\n", "sys/class/power_supply/BAT0/status": "Charging\n"},
			want:  map[ID]any{"power.on_ac": true},
		},
		{
			failure: "TLP #283, fwupd #3386: an adapter is online and the battery discharges", machine: "office-laptop-ac",
			files: map[string]string{"sys/class/power_supply/BAT0/status": "Discharging\n"},
			want:  map[ID]any{"power.on_ac": false},
		},
		{
			failure: "omarchy #6035, #5966: a port that feeds a phone looks like an adapter", machine: "office-laptop-battery",
			files: map[string]string{"sys/class/power_supply/ucsi1/type": "USB\n", "sys/class/power_supply/ucsi1/online": "1\n", "sys/class/power_supply/ucsi1/status": "Discharging\n"},
			want:  map[ID]any{"power.on_ac": false},
		},
	} {
		t.Run(c.failure, func(t *testing.T) {
			dir := machineRoot(t, all[c.machine])
			if c.change != nil {
				answers, err := readCaptured(filepath.Join(dir, capturedFile))
				if err != nil {
					t.Fatal(err)
				}
				c.change(answers)
				data, err := json.Marshal(answers)
				if err != nil {
					t.Fatal(err)
				}
				c.files = mapsJoined(c.files, map[string]string{capturedFile: string(data)})
			}
			for name, text := range c.files {
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s := factsIn(t, dir, "/")
			if got := s.Get("storage.rotational"); strings.Contains(c.failure, "a virtual disk") && got.Quality != poor {
				t.Errorf("a virtual disk's flag has quality %q, want poor", got.Quality)
			}
			for id, want := range c.want {
				got := s.Get(id)
				if got.V != want || want == nil && got.Why == "" {
					t.Errorf("%s is %v %s (%s), want %v", id, got.V, got.State, got.Why, want)
				}
			}
		})
	}
}

func mapsJoined(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// Folding@home #1218, #945, #1483, #1727, and Windows 7's idle task: the work
// that waits for calm is what disturbs it.
func TestOwnWorkDoesNotDisturbTheCalmItWaitsFor(t *testing.T) {
	a := cpuLook{busy: 1000, total: 10000, own: 0, at: 0, ok: true}
	z := cpuLook{busy: 1180, total: 10200, own: 1.7, at: time.Second, ok: true} // 1.8 of 2 processors, 1.7 of it lull's
	if got := busyShare(a, z, 2); got > 0.06 || got < 0.04 {
		t.Errorf("the others keep the processors busy for %v, want 0.05", got)
	}
	// At the lowest priority it is not among the busy time at all: one of two
	// processors is somebody else's.
	z = cpuLook{busy: 1110, nice: 90, total: 10200, own: 1, at: time.Second, ok: true}
	if got := busyShare(a, z, 2); got > 0.51 || got < 0.49 {
		t.Errorf("the others keep the processors busy for %v, want 0.5", got)
	}
	was := diskLook{ok: true}
	now := diskLook{diskStat: diskStat{bytes: 100 << 20, busyMS: 900, queueMS: 2000}, own: 100 << 20, at: time.Second, ok: true}
	if depth, share, ok := diskRate(was, now); !ok || depth != 0 || share != 0 {
		t.Errorf("the others' queue is %v, their share %v (%v), want none: every byte was lull's", depth, share, ok)
	}
	now.own = 0
	if depth, share, ok := diskRate(was, now); !ok || depth != 2 || share != 0.9 {
		t.Errorf("the others' queue is %v, their share %v (%v), want 2 and 0.9", depth, share, ok)
	}
	l := &logindState{Inhibitors: []inhibitor{{What: "sleep", Who: ownName, Mode: "block"}}}
	if l.inhibited("sleep") {
		t.Error("lull's own inhibitor counts against the machine")
	}
}

// The rest of what went wrong elsewhere is tried where its parts are.
func TestFailuresOfOthersThatAreTriedElsewhere(t *testing.T) {
	for failure, test := range map[string]string{
		"GetLastInputInfo in session 0 sees eternal idle":                                              "sources_windows_test.go TestAServiceDoesNotJudgeByItsOwnSession",
		"WTS LastInputTime is 0 for a disconnected session, which is not 1601":                         "sessions_wts_test.go TestEverySessionsLastUseCounts",
		"BOINC #6913: a display server that does not answer hangs the client":                          "agent/wayland_linux_test.go TestACompositorThatHangsOrDiesIsUnknownUntilItIsBack",
		"BOINC #5226, idle_detect: no source is left out because another answers":                      "world_linux_test.go TestIgnoringAnySourceIsNoticedByTheHistories",
		"Folding@home #1218, #945, #1483, #1727: its own work keeps the machine from being idle":       "failures_linux_test.go TestOwnWorkDoesNotDisturbTheCalmItWaitsFor",
		"Windows 7 idle task: work of its own in the background does not end the calm":                 "real_linux_test.go TestRealWorkOfItsOwnIsLeftOut",
		"Folding@home: a wireless keyboard that is off counts as one in use":                           "failures_linux_test.go TestAKeyboardThatIsSwitchedOffIsNotInUse",
		"systemd #13596: PropertiesChanged is not always emitted":                                      "failures_linux_test.go TestWhatAServiceForgetsToTellIsSeenWithinAMinute",
		"uupd #66: traffic of all interfaces, sampled for five seconds: a look never waits for a rate": "failures_linux_test.go TestALookNeverWaitsForARate",
		"idle_detect #12: a display that was not known when the agent's manager began":                 "failures_linux_test.go TestTheAgentBeginsWhenItsDisplayIsKnown",
		"idle_detect: nothing to watch and no answer are different things":                             "presence_linux_test.go TestLeastIdleIsUnknownUnlessEveryExpectedSourceAnswers",
		"systemd #18054: the hint's time is that of its declaration, not of an input":                  "world_linux_test.go TestIdleIsNeverLongerThanTheTrueTimeSinceTheLastInput",
		"stasis #95: under an inhibitor ext-idle-notify says nothing at all":                           "agent/wayland_linux_test.go TestSilenceUnderAnInhibitorIsNotIdleWithVersion1",
		"Plasma 6: input under an inhibitor is seen with version 2":                                    "agent/wayland_linux_test.go TestInputIsSeenUnderAnInhibitorWithVersion2",
		"hypridle #84: Steam never releases its inhibitor, which has to be seen":                       "busy_linux_test.go TestEachBusyReasonIsShownWithItsAge",
		"mintupdate #667, systemd #39523: AC power is waited for, not looked for":                      "watch_linux_test.go TestKernelEventsOfASubsystemWake",
		"the supplies of every report, by the decision alone":                                          "power_test.go TestPowerSourceOfMachinesThatOthersGotWrong",
	} {
		file, name, _ := strings.Cut(test, " ")
		source, err := os.ReadFile(file)
		if err != nil || !regexp.MustCompile(`(?m)^func `+name+`\(t \*testing\.T\) \{$`).Match(source) {
			t.Errorf("%s: %s is not there (%v)", failure, test, err)
		}
	}
}

// A keyboard without a battery is no longer there: nobody uses it.
func TestAKeyboardThatIsSwitchedOffIsNotInUse(t *testing.T) {
	for name, both := range map[string]bool{"another one is left": false, "it was the only one": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, "")
			defer w.close()
			w.plugIn(1)
			w.look()
			w.unplug(0)
			if both {
				w.unplug(1)
			}
			w.look()
			const away = 3 * time.Hour
			w.boot, w.wall = w.boot+away, w.wall.Add(away)
			over, known := w.look()
			if !known || over > 0 || over < -time.Minute {
				t.Errorf("after %v without it idle is known: %v, and off by %v", away, known, over)
			}
		})
	}
}

// What is cached of a service for as long as it says nothing is asked again.
func TestWhatAServiceForgetsToTellIsSeenWithinAMinute(t *testing.T) {
	bus := newTestBus(t)
	bus.Mock("logind", logindName)
	r, err := newRoot("/")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{SystemBus: bus.Addr}
	o.setDefaults()
	b := newBus(r, o)
	t.Cleanup(func() { b.close() })
	locked := true
	s := b.services[logindName]
	s.fetch = func(context.Context, *dbus.Conn) (any, error) {
		return &logindState{Sessions: []session{{ID: "2", Locked: locked}}}, nil
	}
	said := func() bool {
		t.Helper()
		l, err := b.logind(t.Context())
		if err != nil || len(l.Sessions) != 1 {
			t.Fatalf("got %+v, %v", l, err)
		}
		return l.Sessions[0].Locked
	}
	if !said() {
		t.Fatal("the session is not locked at first")
	}
	if locked = false; !said() {
		t.Error("a service is asked again though it told of no change a moment ago")
	}
	b.mu.Lock()
	s.fetched = s.fetched.Add(-lookAgain)
	b.mu.Unlock()
	if said() {
		t.Error("a minute later the session still counts as locked, for want of a signal")
	}
}

// Between two looks lies the time over which a rate is taken; no look sleeps.
func TestALookNeverWaitsForARate(t *testing.T) {
	var r rate
	began, b := time.Now(), oneBatch()
	look := func(what string, at time.Duration, due bool, again time.Duration) {
		t.Helper()
		b.now.boot, b.again = at, 0
		if got := r.due(b); got != due || b.again != again {
			t.Errorf("%s: got due %v and again after %v, want %v and %v", what, got, b.again, due, again)
		}
		if due {
			r.set(0.5, true, at)
		}
	}
	look("the first look is a baseline", time.Hour, true, minLook)
	if r.store(b, ioBusy, fromPTS); b.cell(ioBusy).state != cellUnknown {
		t.Error("a rate is known after one look")
	}
	look("too early for an average", time.Hour+minLook/2, false, minLook/2)
	look("an average", time.Hour+time.Second, true, 0)
	look("the average is recent", time.Hour+time.Second+minLook/2, false, 0)
	if r.store(b, ioBusy, fromPTS); b.got(ioBusy) != 0.5 || time.Since(began) > time.Second {
		t.Errorf("got %v after %v", b.got(ioBusy), time.Since(began))
	}
}

// The service manager knows the display once the session is up, and has the
// agent begin anew when it fails.
func TestTheAgentBeginsWhenItsDisplayIsKnown(t *testing.T) {
	unit, err := os.ReadFile("../cmd/internal/dist/systemd/user/lull-agent.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"After=graphical-session.target", "PartOf=graphical-session.target", "WantedBy=graphical-session.target", "Restart=on-failure"} {
		if !strings.Contains(string(unit), "\n"+line+"\n") {
			t.Errorf("the agent's unit has no %s", line)
		}
	}
}

// reported are the failures that were collected before the work began.
var reported = map[string][]string{
	"BOINC": {"#1187", "#3715", "#4084", "#5226", "#6913", "#7054"}, "idle_detect": {"#12", "remote desktop"},
	"systemd":  {"#1295", "#9622", "#12668", "#13596", "#14501", "#18054", "#20317", "#21988", "#24214", "#25316", "#39523"},
	"swayidle": {"#4"}, "sway": {"#1969"}, "autosuspend": {"#366"}, "stasis": {"#95"}, "Plasma 6": {"inhibitor"},
	"Folding@home": {"#1218", "#945", "#1483", "#1727", "keyboard"}, "Windows 7": {"own"}, "hypridle": {"#84"},
	"GetLastInputInfo": {"session 0"}, "WTS": {"disconnected"},
	"TLP": {"#283", "#320"}, "laptop-mode-tools": {"#191"}, "unattended-upgrades": {"#298"}, "omarchy": {"#6035", "#5966"}, "fwupd": {"#3386"}, "mintupdate": {"#667"},
	"uupd":    {"load average", "#66", "not metered", "without NetworkManager", "without a power profile"},
	"openzfs": {"#9033"}, "hwameistor": {"#1137"}, "WSL": {"#4790"}, "QubesOS": {"#4862"}, "ceph": {"#69105"},
}

func TestEveryFailureThatWasReportedHasItsTest(t *testing.T) {
	source, err := os.ReadFile("failures_linux_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^\t+(?:failure: )?"(.+?)(?:"[,:])`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 35 {
		t.Fatalf("%d failures found, want at least 35", len(names))
	}
	for project, reports := range reported {
		for _, report := range reports {
			if !slices.ContainsFunc(names, func(m []string) bool { return strings.Contains(m[1], project) && strings.Contains(m[1], report) }) {
				t.Errorf("%s %s has no test that names it", project, report)
			}
		}
	}
}
