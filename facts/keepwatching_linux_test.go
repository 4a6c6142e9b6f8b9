package facts

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// withoutDescriptors runs f while this process can open no file.
func withoutDescriptors(t *testing.T, f func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	free, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(free)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(free), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

// syncBuffer is written to by several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) count(sub string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.b.String(), sub)
}

func TestInputThatCannotBeWatchedMakesPresenceUnknownUntilItCan(t *testing.T) {
	p := onThisHost(t)
	var log syncBuffer
	ctx, cancel := context.WithCancel(withLogger(t.Context(), slog.New(slog.NewTextHandler(&log, nil))))
	defer cancel()
	var woken atomic.Int32
	want := make([]bool, len(declared))
	want[idleSeconds] = true
	trouble := func() string {
		for _, r := range p.reports(look{now: instant{wall: time.Now(), boot: sinceBoot()}, err: errNoBus}) {
			if r.source == "watch" && r.answer == silent {
				return r.why
			}
		}
		return ""
	}
	if why := trouble(); why != "" {
		t.Fatalf("nobody watches: got %q, want no trouble", why)
	}
	withoutDescriptors(t, func() {
		go p.watch(ctx, want, func(...fact) { woken.Add(1) })
		waitFor(t, func() bool { return log.count("cannot be watched") >= 3 }) // devices, terminals, clock
	})
	if why := trouble(); !strings.Contains(why, "cannot be watched: too many open files") {
		t.Errorf("got trouble %q, want too many open files", why)
	}
	if woken.Load() == 0 {
		t.Error("whoever waits was not told")
	}
	began := time.Now()
	waitFor(t, func() bool { return trouble() == "" })
	waitFor(t, func() bool { return log.count("watched again") >= 3 })
	t.Logf("watched again after %v", time.Since(began))
	if n := log.count("cannot be watched"); n > 3 {
		t.Errorf("told %d times of three troubles", n)
	}
	cancel()
	waitFor(t, func() bool { return trouble() == "" })
}

func TestPressureThatCannotBeWatchedIsLookedAtUntilItCan(t *testing.T) {
	r, _ := newRoot("/")
	p := newPressure(r)
	if fd, err := p.files()[0].trigger(); err != nil {
		t.Skipf("the kernel takes no pressure triggers: %v", err)
	} else {
		unix.Close(fd)
	}
	var log syncBuffer
	ctx, cancel := context.WithCancel(withLogger(t.Context(), slog.New(slog.NewTextHandler(&log, nil))))
	defer cancel()
	var woken atomic.Int32
	want := make([]bool, len(declared))
	want[cpuSome] = true
	withoutDescriptors(t, func() {
		go p.watch(ctx, want, func(...fact) { woken.Add(1) })
		waitFor(t, func() bool { return log.count("cannot be watched") == 1 && woken.Load() == 1 })
	})
	waitFor(t, func() bool { return log.count("watched again") == 1 && woken.Load() >= 2 })
}

func TestADirectoryIsAwaitedAndFollowedThroughItsRemoval(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "a", "input")
	w, err := newDirWatch(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	step := func(what string, want bool, do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if got := w.changed(); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	file := func() error { return os.WriteFile(filepath.Join(dir, "event0"), nil, 0o644) }
	step("something else appears beside it", false, func() error { return os.Mkdir(filepath.Join(base, "b"), 0o755) })
	step("its parent appears", false, func() error { return os.Mkdir(filepath.Join(base, "a"), 0o755) })
	step("it appears", true, func() error { return os.Mkdir(dir, 0o755) })
	step("a file in it", true, file)
	step("nothing", false, func() error { return nil })
	step("it goes", true, func() error { return os.RemoveAll(filepath.Join(base, "a")) })
	step("it comes back, with a file", true, func() error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return file()
	})
	step("a file in the new one", true, file)
}

func TestDirectoriesThatCannotBeListedAreNotEmpty(t *testing.T) {
	p := onThisHost(t)
	_ = p.root.virtual() // looked up once
	withoutDescriptors(t, func() {
		if names, err := p.ptsNames(); err == nil {
			t.Errorf("terminals: got %v, want an error", names)
		}
		if r := p.input.report(sinceBoot(), 0); r.answer != silent {
			t.Errorf("input devices: got %+v, want silent", r)
		}
		if _, err := p.recording(time.Hour); err == nil {
			t.Error("sound: want an error")
		}
	})
}
