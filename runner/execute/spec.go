package execute

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/lullhq/lull/trust"
)

// Impact says how much of the machine a process tree may take.
type Impact string

// The two impacts. The zero value means Idle.
const (
	// Idle: only what nobody else wants (SCHED_IDLE, nice 19, I/O class idle).
	Idle Impact = "idle"
	// Normal: as any other process. Only a decision's obligation asks for it.
	Normal Impact = "normal"
)

// Spec describes one attempt of one action. Start copies it.
type Spec struct {
	// ID names the attempt: unique, file-name safe ([A-Za-z0-9._-], at most 128 bytes). Required.
	ID string
	// Program is the verified package; nothing else can be started. Required.
	Program *trust.Verified
	// Action is the kind: "scan", "download", "install"… Required.
	Action string
	// Updater is the updater's id, the key of its stable user id (LULL_UPDATER is not set from it). Required.
	Updater string
	// Update is the update's id, "" for a scan; LULL_UPDATE.
	Update string
	// Attempt counts from 1; LULL_ATTEMPT.
	Attempt int
	// Env adds "KEY=value" pairs to the standard environment: proxy and CA settings
	// from the configuration. Loader and interpreter variables are refused.
	Env []string
	// Lang is LANG; "" means "C.UTF-8".
	Lang string
	// StateDir is the updater's own kept directory; LULL_STATE_DIR. Required.
	StateDir string
	// StageDir is where downloads go; LULL_STAGE_DIR. Required.
	StageDir string
	// HomeDir and TmpDir become HOME and TMPDIR; "" means fresh empty directories of the attempt.
	HomeDir, TmpDir string
	// Write lists the absolute directories that sandbox.write declares.
	Write []string
	// Network leaves the host's network visible. False cuts it off.
	Network bool
	// MaxSeconds of running, frozen and suspended time not counted; 0 means 3600.
	MaxSeconds int
	// MemoryBytes bounds the tree's memory; 0 means 512 MiB.
	MemoryBytes int64
	// Tasks bounds the tree's processes and threads; 0 means 64.
	Tasks int
	// CPU and IO are the impacts at the start; Throttle changes them.
	CPU, IO Impact
	// Idempotent work is ended when the daemon dies; other work is left to finish.
	Idempotent bool
	// LogFile receives stderr, and stdout unless OutputLimit is set; "" drops them.
	LogFile string
	// LogLimit bounds LogFile in bytes; what exceeds it is dropped and the log says so. 0 means 1 MiB.
	LogLimit int64
	// OutputLimit keeps stdout in Result.Output; one byte more is a failure. 0 means stdout is logged.
	OutputLimit int64
	// Require lists layers without which the program must not start: what the
	// decision was taken on. Start fails before anything has run when one is missing.
	Require []string
}

const (
	defaultMaxSeconds  = 3600
	defaultMemoryBytes = 512 << 20
	defaultTasks       = 64
	defaultLogLimit    = 1 << 20
	maxOutputLimit     = 16 << 20
)

// withDefaults fills in what the zero values stand for.
func (s Spec) withDefaults() Spec {
	if s.MaxSeconds == 0 {
		s.MaxSeconds = defaultMaxSeconds
	}
	if s.MemoryBytes == 0 {
		s.MemoryBytes = defaultMemoryBytes
	}
	if s.Tasks == 0 {
		s.Tasks = defaultTasks
	}
	if s.LogLimit == 0 {
		s.LogLimit = defaultLogLimit
	}
	if s.CPU == "" {
		s.CPU = Idle
	}
	if s.IO == "" {
		s.IO = Idle
	}
	if s.Lang == "" {
		s.Lang = "C.UTF-8"
	}
	return s
}

// check refuses a Spec that no caller of ours should have built.
func (s Spec) check() error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	switch {
	case s.Action == "":
		return errors.New("the spec names no action")
	case s.Updater == "":
		return errors.New("the spec names no updater")
	case s.MaxSeconds < 0 || s.MemoryBytes < 0 || s.Tasks < 0 || s.LogLimit < 0:
		return errors.New("the spec has a negative limit; leave it zero for the default")
	case s.OutputLimit < 0 || s.OutputLimit > maxOutputLimit:
		return fmt.Errorf("the spec keeps %d bytes of output; the bound is %d", s.OutputLimit, maxOutputLimit)
	}
	for _, d := range append([]string{s.StateDir, s.StageDir}, s.Write...) {
		if !filepath.IsAbs(d) || filepath.Clean(d) != d {
			return fmt.Errorf("the directory %q is not absolute and clean", d)
		}
	}
	return errors.Join(checkNesting(s.Write), checkEnv(s.Env))
}

// checkID keeps an attempt's id usable as a file name.
func checkID(id string) error {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	if id == "" || len(id) > 128 || id[0] == '.' || strings.ContainsFunc(id, bad) {
		return fmt.Errorf("the attempt id %q is not a plain file name of letters, digits, dot, dash and underscore", id)
	}
	return nil
}

// checkNesting refuses equal and nested write directories: an updater could
// replace the inner one through the outer one between two starts.
func checkNesting(dirs []string) error {
	for i, a := range dirs {
		for _, b := range dirs[i+1:] {
			if a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/") {
				return fmt.Errorf("the write directories %s and %s overlap; declare the outer one only", a, b)
			}
		}
	}
	return nil
}

// limit is MaxSeconds as a duration.
func (s Spec) limit() time.Duration { return time.Duration(s.MaxSeconds) * time.Second }
