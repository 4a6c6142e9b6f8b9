package execute

import (
	"encoding/json"
	"io"
	"net"
	"sync"
	"time"
)

// tree is a process tree under control; each platform has its own.
type tree interface {
	// freeze stops every process, and returns when all stand still.
	freeze() error
	thaw() error
	// ask sends the polite signal to the main process.
	ask()
	// kill ends every process, frozen ones included, and waits until none is left;
	// it fails after a while when one hangs in the kernel.
	kill() error
	throttle(cpu, io Impact) error
	// blocks tells whether somebody outside waits for a lock that the tree holds.
	blocks() bool
	// resident is the memory of the whole tree now, in bytes; 0 when unknown.
	resident() int64
	// usage is asked once, after kill.
	usage(*Result)
}

// watchEvery is how often a running tree's memory, and a frozen one's locks, are looked at.
const watchEvery = time.Second

// supervision owns one running attempt: a single goroutine, run, takes every decision.
type supervision struct {
	limit       time.Duration
	idempotent  bool
	outputLimit int64 // 0 sends stdout to the log
	memory      int64 // watch the tree's resident total; 0 when a controller does it

	tree    tree
	link    *link
	channel net.Conn // our end; nil on platforms without
	stdout  io.Reader
	stderr  io.Reader
	log     *boundedLog
	ended   <-chan ending

	clock  *budget
	words  []said
	heard  chan said
	faults chan error
	why    cause
	fault  string
	grace  *time.Timer // nil until Cancel
	polite *time.Timer
	peak   int64
}

// run lives as long as the tree does and returns what it came to.
func (s *supervision) run() Result {
	s.clock = newBudget(s.limit)
	s.heard, s.faults = make(chan said), make(chan error, 4)
	var out []byte
	var readers sync.WaitGroup
	readers.Go(func() { out = s.readStdout() })
	readers.Go(func() { _, _ = io.Copy(s.log, s.stderr) })
	if s.channel != nil {
		readers.Go(func() { listen(s.channel, s.hear, s.complain) })
	}
	end := s.untilEnd()
	stuck := s.tree.kill()
	s.drain(&readers)
	var r Result
	r.Output = out
	s.finish(&r, end, stuck)
	return r
}

func (s *supervision) readStdout() []byte {
	if s.outputLimit > 0 {
		return capture(s.stdout, s.outputLimit, s.complain)
	}
	_, _ = io.Copy(s.log, s.stdout)
	return nil
}

func (s *supervision) hear(w said)        { s.heard <- w }
func (s *supervision) complain(err error) { s.faults <- err }

// untilEnd serves events until the main process has ended.
func (s *supervision) untilEnd() ending {
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	for {
		select {
		case e := <-s.ended:
			return e
		case c := <-s.link.commands:
			s.link.tell(report{Answers: c.Seq, Error: text(s.obey(c))})
		case <-s.link.orphaned:
			s.orphan()
		case w := <-s.heard:
			s.take(w)
		case err := <-s.faults:
			s.end(byFault, err.Error())
		case <-s.clock.over():
			s.end(byTimeout, "")
		case <-after(s.polite):
			s.tree.ask()
		case <-after(s.grace):
			s.end(byCancel, "")
		case <-watch.C:
			s.weigh()
		}
	}
}

// drain waits for the readers, while it goes on hearing what was said at the end.
// A descriptor that escaped the kill must not hang us: the pipes close after a while.
func (s *supervision) drain(readers *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { readers.Wait(); close(done) }()
	late := time.After(2 * time.Second)
	for {
		select {
		case w := <-s.heard:
			s.take(w)
		case err := <-s.faults:
			s.blame(byFault, err.Error())
		case c := <-s.link.commands:
			s.link.tell(report{Answers: c.Seq, Error: "it has ended"})
		case <-late:
			for _, c := range []any{s.stdout, s.stderr, s.channel} {
				if c, ok := c.(io.Closer); ok && c != nil {
					_ = c.Close()
				}
			}
		case <-done:
			for len(s.faults) > 0 {
				s.blame(byFault, (<-s.faults).Error())
			}
			return
		}
	}
}

// obey does what the daemon wants.
func (s *supervision) obey(c command) error {
	switch c.Do {
	case doFreeze:
		return s.freeze()
	case doThaw:
		return s.thaw()
	case doPause:
		return s.say(map[string]any{"pause": c.Reason})
	case doResume:
		return s.say(map[string]any{"resume": true})
	case doThrottle:
		return s.tree.throttle(c.CPU, c.IO)
	case doCancel:
		s.cancel(c.Reason, time.Duration(c.Within*float64(time.Second)))
	case doKill:
		s.end(byCancel, "")
	}
	return nil
}

func (s *supervision) freeze() error {
	if s.clock.isFrozen() || s.why != byItself {
		return nil
	}
	err := s.tree.freeze()
	s.clock.freeze()
	return err
}

func (s *supervision) thaw() error {
	if !s.clock.isFrozen() {
		return nil
	}
	s.clock.thaw()
	return s.tree.thaw()
}

// cancel thaws first, because a frozen program hears nothing; half-way through
// its time it gets the signal that programs without the channel understand.
func (s *supervision) cancel(reason string, within time.Duration) {
	_ = s.thaw()
	_ = s.say(map[string]any{"cancel": reason, "within_seconds": within.Seconds()})
	if s.why == byItself {
		s.why = byCancel
	}
	if s.grace != nil {
		s.grace.Stop()
		s.polite.Stop()
	}
	s.grace, s.polite = time.NewTimer(within), time.NewTimer(within/2)
}

// end kills the tree for a reason; its death arrives through ended.
func (s *supervision) end(why cause, fault string) {
	s.blame(why, fault)
	_ = s.tree.kill()
}

// blame keeps the first reason; being asked to cancel is not yet one.
func (s *supervision) blame(why cause, fault string) {
	if s.why == byItself || s.why == byCancel && why == byFault {
		s.why, s.fault = why, fault
	}
}

// orphan: the daemon died. Work that can be repeated is ended with it, other work
// is thawed, because nobody is left to do it, and finishes.
func (s *supervision) orphan() {
	if s.idempotent {
		s.end(byOrphan, "")
		return
	}
	_ = s.thaw()
}

// take keeps a result and passes progress on.
func (s *supervision) take(w said) {
	if w.Result != "" {
		s.words = append(s.words, w)
		if len(s.words) > 16 {
			s.words = s.words[:16]
		}
	}
	if w.Progress != nil {
		s.link.tell(report{Progress: w.Progress})
	}
}

// say writes a line to the program. One that does not read loses it.
func (s *supervision) say(v any) error {
	if s.channel == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_ = s.channel.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = s.channel.Write(append(b, '\n'))
	return nil
}

// weigh looks at the tree's memory where no controller does; a frozen one is looked
// at for locks instead, and thawed when somebody waits for one.
func (s *supervision) weigh() {
	if s.clock.isFrozen() {
		if s.tree.blocks() {
			_ = s.thaw()
		}
		return
	}
	now := s.tree.resident()
	s.peak = max(s.peak, now)
	if s.memory > 0 && now > s.memory {
		s.end(byFault, "it used more memory than it may")
	}
}

// finish puts the result together.
func (s *supervision) finish(r *Result, end ending, stuck error) {
	wall, frozen := s.clock.stop()
	r.WallSeconds, r.FrozenSeconds = wall.Seconds(), frozen.Seconds()
	r.LogCut = s.log.wasCut()
	s.tree.usage(r)
	r.PeakMemoryBytes = max(r.PeakMemoryBytes, s.peak)
	if stuck != nil {
		s.blame(byFault, "it left processes that cannot be ended: "+stuck.Error())
	}
	judge(r, s.words, end, s.why, s.fault)
}

// after is a timer's channel, or one that never fires.
func after(t *time.Timer) <-chan time.Time {
	if t == nil {
		return nil
	}
	return t.C
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
