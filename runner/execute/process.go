package execute

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"
)

// answerWithin bounds how long a supervisor may take to do what it was told.
const answerWithin = 15 * time.Second

// errEnded is the answer of every order to a tree that is gone.
var errEnded = errors.New("the program has ended")

// Process is one running attempt. Safe for concurrent use.
type Process struct {
	id, dir string
	conn    net.Conn
	events  chan Event
	ready   chan report // the first Ready, Begun or Error
	begun   chan struct{}
	done    chan struct{}
	result  Result

	mu      sync.Mutex
	out     *lineWriter
	seq     uint64
	waiting map[uint64]chan string
	told    *Result
}

func newProcess(id, dir string, conn net.Conn) *Process {
	p := &Process{
		id: id, dir: dir, conn: conn, out: &lineWriter{w: conn}, events: make(chan Event, 1), ready: make(chan report, 1),
		begun: make(chan struct{}), done: make(chan struct{}), waiting: map[uint64]chan string{},
	}
	go p.hear()
	return p
}

// ID is Spec.ID.
func (p *Process) ID() string { return p.id }

// Events carries progress, newest only when the reader is slow; closed at the end.
func (p *Process) Events() <-chan Event { return p.events }

// Done is closed when the tree is gone and the result is known.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait returns the result once Done; every call returns the same.
func (p *Process) Wait() Result { <-p.done; return p.result }

// Freeze stops every process of the tree and returns when all stand still.
func (p *Process) Freeze() error { return p.order(command{Do: doFreeze}) }

// Thaw lets the tree go on.
func (p *Process) Thaw() error { return p.order(command{Do: doThaw}) }

// Pause asks the program, through its channel, to be quiet: it goes on running.
func (p *Process) Pause(reason string) error { return p.order(command{Do: doPause, Reason: reason}) }

// Resume takes a Pause back.
func (p *Process) Resume() error { return p.order(command{Do: doResume}) }

// Cancel thaws the tree, asks the program to end within the given time (through its
// channel, and by SIGTERM at half-time), and then ends the tree. It returns at
// once; Done tells when it is over.
func (p *Process) Cancel(reason string, within time.Duration) error {
	return p.order(command{Do: doCancel, Reason: reason, Within: within.Seconds()})
}

// Kill ends the tree now, frozen or not, and returns when it is gone.
func (p *Process) Kill() error { return p.order(command{Do: doKill}) }

// Throttle changes the impacts of the running tree. Without privileges a tree can
// only be made gentler, never less gentle again.
func (p *Process) Throttle(cpu, io Impact) error {
	return p.order(command{Do: doThrottle, CPU: cpu, IO: io})
}

// order sends a command and waits for its answer.
func (p *Process) order(c command) error {
	answer := make(chan string, 1)
	p.mu.Lock()
	p.seq++
	c.Seq = p.seq
	p.waiting[c.Seq] = answer
	p.mu.Unlock()
	if p.out.write(c) != nil {
		return errEnded
	}
	select {
	case e := <-answer:
		if e != "" {
			return errors.New(e)
		}
		return nil
	case <-p.done:
		if c.Do == doKill || c.Do == doCancel {
			return nil
		}
		return errEnded
	case <-time.After(answerWithin):
		return errors.New("the supervisor does not answer")
	}
}

// hear reads the supervisor's reports until it hangs up.
func (p *Process) hear() {
	in := bufio.NewReader(p.conn)
	dec := json.NewDecoder(in)
	for {
		var r report
		if dec.Decode(&r) != nil {
			break
		}
		p.take(r)
	}
	close(p.ready)
	close(p.events)
	_ = p.conn.Close()
	if p.told == nil {
		p.told = p.lastWords()
	}
	p.result = *p.told
	close(p.done)
}

func (p *Process) take(r report) {
	switch {
	case r.Answers != 0:
		p.mu.Lock()
		defer p.mu.Unlock()
		if c := p.waiting[r.Answers]; c != nil {
			c <- r.Error
			delete(p.waiting, r.Answers)
		}
	case r.Progress != nil:
		p.progress(*r.Progress)
	case r.Result != nil:
		p.told = r.Result
	default:
		if r.Begun {
			close(p.begun)
		}
		select {
		case p.ready <- r:
		default:
		}
	}
}

// progress keeps the newest.
func (p *Process) progress(e Event) {
	select {
	case p.events <- e:
		return
	default:
	}
	select {
	case <-p.events:
	default:
	}
	p.events <- e
}

// lastWords is for a supervisor that hung up without a result: killed, perhaps, but
// its exit file may be there.
func (p *Process) lastWords() *Result {
	if r, err := readExit(p.dir); err == nil && r != nil {
		return r
	}
	return &Result{Outcome: Failed, ExitCode: -1, Message: "its supervisor was ended from outside, and the program with it"}
}

// whenReady waits until the program stands confined.
func (p *Process) whenReady(ctx context.Context) (*readiness, error) {
	select {
	case r := <-p.ready:
		switch {
		case r.Ready != nil:
			return r.Ready, nil
		case r.Error != "":
			return nil, errors.New(r.Error)
		}
		return nil, errors.New("the supervisor ended before the program was ready; its last words are in " + p.dir + "/" + traceName)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// begin says the last word. From here on the program may run, whatever happens.
func (p *Process) begin() error {
	if err := p.out.write(command{Do: doBegin}); err != nil {
		return errEnded
	}
	r := <-p.ready
	switch {
	case r.Begun:
		return nil
	case r.Error != "":
		return errors.New(r.Error)
	case hasBegun(p.dir):
		return nil // it ran and ended, or its supervisor did; Wait tells
	}
	return errors.New("the supervisor ended before the program was executed")
}

// whenBegun tells whether a rejoined supervisor has a program running.
func (p *Process) whenBegun(within time.Duration) bool {
	select {
	case <-p.begun:
		return true
	case <-p.done:
	case <-time.After(within):
	}
	return false
}

// abandon hangs up: an attempt that has not begun never will.
func (p *Process) abandon() {
	_ = p.conn.Close()
	<-p.done
}
