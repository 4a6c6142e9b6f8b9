package facts

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// onWine skips on real Windows what would leave marks in its registry.
func onWine(t *testing.T) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		t.Skip("changes the registry; runs under Wine only")
	}
}

func snapshotOf(t *testing.T, ids ...ID) Snapshot {
	t.Helper()
	want := Set{}
	for _, id := range ids {
		want[id] = true
	}
	g, err := New(Options{Deadline: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	return g.Snapshot(context.Background(), want, Target{Path: t.TempDir()})
}

func TestTheLastInputLiesBetweenBootAndNow(t *testing.T) {
	idle, err := lastInputIdle()
	if err != nil {
		t.Fatal(err)
	}
	if up := sinceBoot(); idle < 0 || idle > up {
		t.Errorf("idle for %v, up for %v", idle, up)
	}
}

// Wine's list of sessions is empty and so lacks the one that asks: presence
// must be unknown then, and is known where Windows lists it.
func TestPresenceIsKnownOnlyWhereTheListOfSessionsIsWhole(t *testing.T) {
	own, err := ownSession()
	if err != nil {
		t.Fatal(err)
	}
	all, err := windowsSessions(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := snapshotOf(t, "presence.idle_seconds", "presence.locked", "presence.busy", "presence.sessions")
	idle := s.Get("presence.idle_seconds")
	if !listed(all, own) {
		for _, id := range []ID{"presence.idle_seconds", "presence.locked", "presence.busy", "presence.sessions"} {
			if v := s.Get(id); v.State != Unknown || !strings.Contains(v.Why, "WTS sessions") {
				t.Errorf("%s is %v (%s), and the list of sessions is not whole", id, v.V, v.Why)
			}
		}
		return
	}
	if _, why := sessionUses(all, own); (why == "") != (idle.State == Known) {
		t.Errorf("idle is %s (%s), sessions say %q", idle.State, idle.Why, why)
	}
}

// A service (session 0) that asked for its own last input or its own screen
// would see nobody for ever.
func TestAServiceDoesNotJudgeByItsOwnSession(t *testing.T) {
	user := wtsSession{id: 1, state: wtsActive, info: wtsInfo{signedIn: true, lock: wtsUnlocked, input: time.Now().Add(-time.Minute)}}
	for name, c := range map[string]struct {
		all       []wtsSession
		idle      any
		otherwise string
	}{
		"one who works is seen":       {[]wtsSession{{id: 0, state: wtsDisconnected}, user}, int64(51), ""}, // and nine seconds of doubt
		"one who cannot be asked":     {[]wtsSession{{id: 0, state: wtsDisconnected}, {id: 1, state: wtsActive, why: "Access is denied."}}, nil, "Access is denied."},
		"nobody's session, no screen": {[]wtsSession{{id: 0, state: wtsDisconnected}}, nil, "nobody could be seen"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &windowsPresence{resume: &resumeWatch{sleep: func(instant) time.Duration { return 0 }}}
			b := oneBatch()
			b.now = instant{wall: time.Now(), boot: 24 * time.Hour}
			p.collectIdle(b, c.all, 0)
			p.collectBusy(b, c.all, 0)
			idle := b.cell(idleSeconds).value(declared[idleSeconds], b.now.wall)
			if idle.V != c.idle || !strings.Contains(idle.Why, c.otherwise) {
				t.Errorf("idle %v (%s), want %v (%s)", idle.V, idle.Why, c.idle, c.otherwise)
			}
			if got := b.got(busy); got != "unknown" {
				t.Errorf("busy is %v, and a service sees no screen", got)
			}
		})
	}
}

func TestTheShellAnswersInAUsersSession(t *testing.T) {
	if own, err := ownSession(); err != nil || own == 0 {
		t.Skip("this is session 0: ", err)
	}
	if _, err := screenState(1); err != nil {
		t.Error(err)
	}
	if _, err := screenState(0); err == nil {
		t.Error("a service believes its own screen")
	}
}

func TestTheInstallerAtWorkIsSeen(t *testing.T) {
	if s := snapshotOf(t, "packages.locked"); s.Get("packages.locked").V != false {
		t.Skip("Windows Installer is at work: ", s.Get("packages.locked"))
	}
	name, err := windows.UTF16PtrFromString(`Global\_MSIExecute`)
	if err != nil {
		t.Fatal(err)
	}
	h, err := windows.CreateMutex(nil, true, name)
	if err != nil {
		t.Fatal(err)
	}
	if s := snapshotOf(t, "packages.locked"); s.Get("packages.locked").V != true {
		t.Errorf("the mutex is held: got %+v", s.Get("packages.locked"))
	}
	windows.CloseHandle(h)
	if s := snapshotOf(t, "packages.locked"); s.Get("packages.locked").V != false {
		t.Errorf("the mutex is gone: got %+v", s.Get("packages.locked"))
	}
}

func TestAPendingRebootIsSeenInTheRegistry(t *testing.T) {
	onWine(t)
	pending := func() any { return snapshotOf(t, "host.reboot_pending").Get("host.reboot_pending").V }
	if got := pending(); got != false {
		t.Fatalf("before: %v", got)
	}
	for _, path := range rebootKeys {
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.ALL_ACCESS)
		if err != nil {
			t.Fatal(err)
		}
		key.Close()
		if got := pending(); got != true {
			t.Errorf("%s is there: got %v", path, got)
		}
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, path); err != nil {
			t.Fatal(err)
		}
	}
	if got := pending(); got != false {
		t.Fatalf("after: %v", got)
	}
}

// The system itself writes the value that is read.
func TestAFileToBeReplacedAtBootIsAPendingReboot(t *testing.T) {
	onWine(t)
	dir := t.TempDir()
	name := func(base string) (string, *uint16) {
		path := filepath.Join(dir, base)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := windows.UTF16PtrFromString(path)
		if err != nil {
			t.Fatal(err)
		}
		return path, p
	}
	t.Cleanup(func() {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Control\Session Manager`, registry.SET_VALUE)
		if err == nil {
			_ = key.DeleteValue("PendingFileRenameOperations")
			key.Close()
		}
	})
	_, leftOver := name("leftover.tmp")
	if err := windows.MoveFileEx(leftOver, nil, windows.MOVEFILE_DELAY_UNTIL_REBOOT); err != nil {
		t.Fatal(err)
	}
	if got, err := pendingReboot(); got || err != nil {
		t.Errorf("a file to be deleted: got %v, %v", got, err)
	}
	_, from := name("new.dll")
	_, to := name("old.dll")
	if err := windows.MoveFileEx(from, to, windows.MOVEFILE_DELAY_UNTIL_REBOOT|windows.MOVEFILE_REPLACE_EXISTING); err != nil {
		t.Fatal(err)
	}
	if got, err := pendingReboot(); !got || err != nil {
		t.Errorf("a file to be replaced: got %v, %v", got, err)
	}
}

func TestTheNetworkListManagerAnswers(t *testing.T) {
	began := time.Now()
	s := askNetwork()
	t.Logf("connectivity %#x (%v), cost %#x (%v), in %v", s.connectivity, s.connectivityErr, s.cost, s.costErr, time.Since(began))
	if s.connectivityErr != nil || s.costErr != nil {
		t.Error("it does not")
	}
}

func TestTheVolumeOfADirectoryIsFound(t *testing.T) {
	dir := t.TempDir()
	root, err := volumeRoot(dir)
	if err != nil || !strings.EqualFold(root, filepath.VolumeName(dir)+`\`) {
		t.Errorf("%s lies on %q (%v)", dir, root, err)
	}
	if _, err := askDevice(`\\.\PhysicalDrive98765`, ioctlDiskPerformance, nil, 88); err == nil {
		t.Error("a disk that is not there answers")
	}
}

// A file of facts.d that others may change is not the administrator's word.
func TestFactsThatOthersMayChangeAreNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		access string // SDDL; Wine keeps what Unix modes can say
		want   State
	}{
		"the owner's alone":   {"D:P(A;;FA;;;BA)(A;;FA;;;SY)(A;;FA;;;OW)", Known},
		"everybody may read":  {"D:P(A;;FA;;;BA)(A;;FA;;;SY)(A;;FR;;;WD)", Known},
		"everybody may write": {"D:P(A;;FA;;;BA)(A;;FA;;;WD)", Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "desk.json")
			if err := os.WriteFile(file, []byte(`{"desk": {"value": 7}}`), 0o600); err != nil {
				t.Fatal(err)
			}
			sd, err := windows.SecurityDescriptorFromString(c.access)
			if err != nil {
				t.Fatal(err)
			}
			list, _, err := sd.DACL()
			if err != nil {
				t.Fatal(err)
			}
			err = windows.SetNamedSecurityInfo(file, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
			if err != nil {
				t.Fatal(err)
			}
			g, err := New(Options{LocalDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			s := g.Snapshot(context.Background(), Set{LocalFacts: true}, Target{})
			if got := s.Get("local.desk"); got.State != c.want {
				t.Errorf("got %+v, want %s; %v", got, c.want, s.Meta())
			}
		})
	}
}

func TestSleepIsTheDifferenceOfTwoClocks(t *testing.T) {
	if slept := totalSleep(instant{boot: sinceBoot()}); slept < -time.Second || slept > sinceBoot() {
		t.Errorf("slept %v of %v", slept, sinceBoot())
	}
	a := sinceBoot()
	time.Sleep(50 * time.Millisecond)
	if d := sinceBoot() - a; d < 20*time.Millisecond || d > 5*time.Second {
		t.Errorf("the clock since boot went on by %v in 50 ms", d)
	}
	if n := runtime.NumCPU(); n != int(windows.GetActiveProcessorCount(windows.ALL_PROCESSOR_GROUPS)) {
		t.Errorf("%d processors", n)
	}
}
