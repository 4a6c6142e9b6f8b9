package facts

import (
	"context"
	"errors"
	"time"
)

// A question asks a service that may hang. Each look has a goroutine of its
// own and is given up at the deadline; what one that was given up finds later
// is old by then and thrown away. Its methods are called by one goroutine at a
// time.
type question[T any] struct {
	deadline time.Duration
	pending  chan T // of a look that was given up; nil = none
}

var (
	errLate      = errors.New("does not answer")
	errStillLate = errors.New("still does not answer")
)

// ask returns what look finds, or errLate or errStillLate.
func (q *question[T]) ask(ctx context.Context, look func() T) (answer T, err error) {
	if !q.ready() {
		return answer, errStillLate
	}
	q.pending = make(chan T, 1)
	go func(found chan<- T) { found <- look() }(q.pending)
	late := time.NewTimer(q.deadline)
	defer late.Stop()
	select {
	case answer = <-q.pending:
		q.pending = nil
		return answer, nil
	case <-late.C:
		return answer, errLate
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

// ready reports whether no look is under way.
func (q *question[T]) ready() bool {
	if q.pending == nil {
		return true
	}
	select {
	case <-q.pending:
		q.pending = nil
	default:
	}
	return q.pending == nil
}
