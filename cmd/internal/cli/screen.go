package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen prints text for people. Colour is used on a terminal only, never
// with NO_COLOR set, and never says anything that the words do not say.
type screen struct {
	w      io.Writer
	colour bool
	tty    bool
	busy   bool // a progress line stands unfinished
}

func (a *app) screen(w io.Writer) *screen {
	tty := isTerminal(w) && a.env("TERM") != "dumb"
	return &screen{w: w, tty: tty, colour: tty && a.env("NO_COLOR") == ""}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// line prints one line, first ending a progress line that stands.
func (s *screen) line(format string, args ...any) {
	s.settle()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// progress shows how far something is. On a terminal it overwrites itself;
// elsewhere only its last state is printed, by settle.
func (s *screen) progress(format string, args ...any) {
	if s.tty {
		fmt.Fprintf(s.w, "\r\x1b[K"+format, args...)
		s.busy = true
	}
}

// settle removes a progress line.
func (s *screen) settle() {
	if s.busy {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.busy = false
	}
}

func (s *screen) paint(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) bold(text string) string   { return s.paint("1", text) }
func (s *screen) faint(text string) string  { return s.paint("2", text) }
func (s *screen) red(text string) string    { return s.paint("31", text) }
func (s *screen) green(text string) string  { return s.paint("32", text) }
func (s *screen) yellow(text string) string { return s.paint("33", text) }
func (s *screen) cyan(text string) string   { return s.paint("36", text) }

// width counts the columns of text, without its colours.
func width(text string) int {
	n := utf8.RuneCountInString(text)
	for rest := text; ; {
		i := strings.Index(rest, "\x1b[")
		if i < 0 {
			return n
		}
		end := strings.IndexByte(rest[i:], 'm')
		if end < 0 {
			return n
		}
		n -= end + 1
		rest = rest[i+end+1:]
	}
}

// bar draws a progress bar of n cells.
func bar(current, total float64, n int) string {
	if total <= 0 {
		return strings.Repeat("·", n)
	}
	full := min(n, max(0, int(current/total*float64(n))))
	return strings.Repeat("█", full) + strings.Repeat("░", n-full)
}
