package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// seat is a session whose sources see different inputs, come and go, and which
// knows when its user last touched anything.
type seat struct {
	now, truth time.Duration
	sources    []*seatSource
	agent      *agent
}

// seatSource sees some of the input.
type seatSource struct {
	s      *seat
	label  string
	beside bool // sees only some of a Wayland session's input
	last   time.Duration
	k      *keeper
}

func (f *seatSource) name() string        { return f.label }
func (f *seatSource) partial() bool       { return f.beside }
func (*seatSource) lost() <-chan struct{} { return nil }
func (*seatSource) close()                {}
func (f *seatSource) idle(context.Context) (time.Duration, error) {
	return f.s.now - f.last, nil
}

// newSeat makes a session, of which the agent does not see the source blind.
func newSeat(blind string) *seat {
	s := &seat{now: time.Hour, agent: &agent{o: Options{Wayland: "wayland-0", Deadline: time.Minute}}}
	for _, f := range []*seatSource{{label: "X11", beside: true}, {label: "Wayland"}, {label: "Mutter"}} {
		f.s, f.k = s, &keeper{}
		f.k.set(f, nil)
		s.sources = append(s.sources, f)
	}
	for _, f := range s.sources {
		if f.label != blind {
			s.agent.sources = append(s.agent.sources, f.k)
		}
	}
	return s
}

func (s *seat) step(r *rand.Rand) {
	s.now += time.Duration(r.Int64N(int64(10 * time.Minute)))
	f := s.sources[r.IntN(len(s.sources))]
	switch r.IntN(5) {
	case 0, 1, 2:
		f.last, s.truth = s.now, s.now
	case 3:
		f.k.set(nil, errors.New("was lost"))
	case 4:
		for _, f := range s.sources {
			f.k.set(f, nil)
		}
	}
}

// overstated counts answers that name a longer idle time than the true one.
func overstated(blind string) (wrong, known int) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		s := newSeat(blind)
		for range 100 {
			s.step(r)
			if m := s.agent.answer(context.Background()); m.Error == "" {
				known++
				if m.IdleSeconds > (s.now - s.truth).Seconds() {
					wrong++
				}
			}
		}
	}
	return wrong, known
}

func TestAnAgentNeverSaysLongerThanTheTrueTimeSinceTheLastInput(t *testing.T) {
	if wrong, known := overstated(""); wrong > 0 || known < 1000 {
		t.Errorf("overstated %d times of %d, want never, of at least 1000", wrong, known)
	}
	for _, blind := range []string{"X11", "Wayland", "Mutter"} {
		if wrong, known := overstated(blind); wrong == 0 {
			t.Errorf("without %s never overstated in %d answers: the test proves nothing about it", blind, known)
		}
	}
}
