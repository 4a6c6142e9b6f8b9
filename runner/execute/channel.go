package execute

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of the channel (CONTRACTS section 5). The burst is what may have queued
// up while the supervisor itself did not get the processor.
const (
	maxLine      = 64 << 10
	linesPerSec  = 10
	burstLines   = 50
	maxMessage   = 200
	maxTotalTick = 1 << 53
)

// said is one accepted line of the program.
type said struct {
	Progress *Event
	Result   Outcome
	Message  string
	Restart  string
}

// line is the JSON of the channel, out of the program.
type line struct {
	Progress *struct {
		Current *float64 `json:"current"`
		Total   *float64 `json:"total"`
	} `json:"progress"`
	Result  *string `json:"result"`
	Message string  `json:"message"`
	Restart string  `json:"restart"`
}

// parseLine reads one line. Members it does not know are ignored, so that newer
// programs run under older daemons; what it knows must be right.
func parseLine(b []byte) (said, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return said{}, fmt.Errorf("a line of the channel is not the JSON object it should be: %w", err)
	}
	if l.Progress == nil && l.Result == nil {
		return said{}, nil
	}
	s := said{Message: plain(l.Message), Restart: l.Restart}
	if l.Progress != nil {
		p, err := progress(l.Progress.Current, l.Progress.Total)
		if err != nil {
			return said{}, err
		}
		s.Progress = p
	}
	if l.Result != nil {
		s.Result = Outcome(*l.Result)
		if !slices.Contains([]Outcome{Succeeded, Continue, Failed, Canceled, Removed}, s.Result) {
			return said{}, fmt.Errorf("the program sent the unknown result %q", plain(*l.Result))
		}
	}
	if !slices.Contains([]string{"", "none", "app", "session", "system"}, s.Restart) {
		return said{}, fmt.Errorf("the program asked for the unknown restart %q", plain(s.Restart))
	}
	return s, nil
}

func progress(current, total *float64) (*Event, error) {
	var e Event
	for _, f := range []struct {
		to   *float64
		from *float64
	}{{&e.Current, current}, {&e.Total, total}} {
		if f.from == nil {
			continue
		}
		if *f.from < 0 || *f.from > maxTotalTick || math.IsNaN(*f.from) {
			return nil, errors.New("the program sent a progress below zero or beyond counting")
		}
		*f.to = *f.from
	}
	return &e, nil
}

// plain makes foreign text safe to show: valid UTF-8, one line, 200 characters.
func plain(s string) string {
	var b []byte
	n := 0
	for _, r := range s {
		if n == maxMessage {
			break
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = ' '
		}
		b = utf8.AppendRune(b, r)
		n++
	}
	return string(bytes.TrimSpace(b))
}

// listen reads the program's side of the channel until it closes: each accepted
// line goes to hear, and the first thing that breaks a limit to fault, after which
// the rest is thrown away unread so that the program never hangs on us.
func listen(r io.Reader, hear func(said), fault func(error)) {
	br := bufio.NewReaderSize(r, maxLine+1)
	rate := bucket{tokens: burstLines, at: time.Now()}
	for {
		b, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = fmt.Errorf("the program sent a channel line longer than %d bytes", maxLine)
		} else if text := bytes.TrimSpace(b); len(text) > 0 {
			s, perr := parseLine(text)
			if perr == nil {
				perr = rate.take(time.Now())
			}
			if perr != nil {
				err = perr
			} else {
				hear(s)
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !closed(err) {
				fault(err)
			}
			_, _ = io.Copy(io.Discard, r)
			return
		}
	}
}

// bucket allows linesPerSec on average and burstLines at once.
type bucket struct {
	tokens float64
	at     time.Time
}

func (b *bucket) take(now time.Time) error {
	b.tokens = min(burstLines, b.tokens+now.Sub(b.at).Seconds()*linesPerSec)
	b.at = now
	if b.tokens < 1 {
		return fmt.Errorf("the program sent more than %d channel lines a second", linesPerSec)
	}
	b.tokens--
	return nil
}
