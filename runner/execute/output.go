package execute

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// closed tells an ended stream from a broken one: a dead peer resets a socket.
func closed(err error) bool {
	return errors.Is(err, os.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// capture keeps at most limit bytes of what r holds and reads on to the end, so
// that the writer never hangs. The first byte too many is a fault.
func capture(r io.Reader, limit int64, fault func(error)) []byte {
	kept, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil && !closed(err) {
		fault(fmt.Errorf("reading the program's output: %w", err))
	}
	if int64(len(kept)) > limit {
		fault(fmt.Errorf("the program printed more than the %d bytes it may", limit))
		kept = kept[:limit]
		_, _ = io.Copy(io.Discard, r)
	}
	return kept
}

// boundedLog is the log of an action. It accepts everything and keeps limit bytes.
type boundedLog struct {
	mu   sync.Mutex
	w    io.Writer // nil drops all
	left int64
	cut  bool
}

// Write never fails: a program must not end because its log is full or the disk is.
func (l *boundedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	if l.w == nil || l.cut {
		return n, nil
	}
	if int64(len(p)) > l.left {
		p, l.cut = p[:l.left], true
	}
	l.left -= int64(len(p))
	_, _ = l.w.Write(p)
	if l.cut {
		_, _ = io.WriteString(l.w, "\n[lull: the log is cut here]\n")
	}
	return n, nil
}

func (l *boundedLog) wasCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}
