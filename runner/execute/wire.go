package execute

import (
	"encoding/json"
	"io"
	"sync"
)

// The daemon and the supervisor of an attempt talk newline-delimited JSON over
// one stream: a unix socket on Linux, a pipe inside the process elsewhere. The
// supervisor serves one daemon at a time; a new connection replaces the old one.

// verb is what the daemon wants done.
type verb string

const (
	doBegin    verb = "begin" // the last check passed: execute the program
	doFreeze   verb = "freeze"
	doThaw     verb = "thaw"
	doPause    verb = "pause"
	doResume   verb = "resume"
	doCancel   verb = "cancel"
	doKill     verb = "kill"
	doThrottle verb = "throttle"
)

// command is one line from the daemon. Every command is answered by a report with its Seq.
type command struct {
	Seq    uint64  `json:"seq"`
	Do     verb    `json:"do"`
	Reason string  `json:"reason,omitempty"`
	Within float64 `json:"within_seconds,omitempty"`
	CPU    Impact  `json:"cpu,omitempty"`
	IO     Impact  `json:"io,omitempty"`
}

// report is one line from the supervisor: an answer, or one of the other members.
type report struct {
	Answers  uint64     `json:"answers,omitempty"`
	Error    string     `json:"error,omitempty"`
	Ready    *readiness `json:"ready,omitempty"` // confined, waiting for doBegin
	Begun    bool       `json:"begun,omitempty"` // executed
	Progress *Event     `json:"progress,omitempty"`
	Result   *Result    `json:"result,omitempty"`
}

// readiness is what the confinement came to, before anything foreign has run.
type readiness struct {
	Layers      []string          `json:"layers"`
	LandlockABI int               `json:"landlock_abi,omitempty"`
	Memory      string            `json:"memory"`
	Missing     map[string]string `json:"missing,omitempty"`   // layer → why not
	Baseline    int64             `json:"baseline,omitempty"`  // the launcher's resident peak, bytes
	SpentCPU    float64           `json:"spent_cpu,omitempty"` // by the launcher so far, seconds
}

// lineWriter writes whole JSON lines from several goroutines.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(append(b, '\n'))
	return err
}
