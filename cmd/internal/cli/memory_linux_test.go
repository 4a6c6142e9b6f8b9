package cli

import (
	"os"
	"testing"
)

func TestOnlyCleanReadOnlyPagesOfTheProgramAreDropped(t *testing.T) {
	const self = "/usr/bin/lull"
	for _, c := range []struct {
		name, head, anonymous string
		want                  bool
	}{
		{"its instructions", "00400000-01a00000 r-xp 00000000 fe:00 1234 " + self, "0 kB", true},
		{"its constants", "01a00000-02a00000 r--p 01600000 fe:00 1234 " + self, "0 kB", true},
		{"constants that the loader wrote to", "01a00000-02a00000 r--p 01600000 fe:00 1234 " + self, "8 kB", false},
		{"its variables", "02a00000-02b00000 rw-p 02600000 fe:00 1234 " + self, "0 kB", false},
		{"another file", "7f0000000000-7f0000010000 r-xp 00000000 fe:00 99 /lib/ld.so", "0 kB", false},
		{"a file whose name ends alike", "00400000-01a00000 r-xp 00000000 fe:00 7 /opt" + self, "0 kB", false},
		{"memory of no file", "7f0000000000-7f0000010000 r--p 00000000 00:00 0", "0 kB", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m mapping
			m.line(c.head, self)
			m.line("Rss:                 100 kB", self)
			m.line("Anonymous:           "+c.anonymous, self)
			if m.clean != c.want {
				t.Errorf("got dropped %v, want %v", m.clean, c.want)
			}
		})
	}
}

// The program goes on after its pages were dropped, and with the values that
// its variables and relocated constants had.
func TestTheProgramOutlivesItsDroppedPages(t *testing.T) {
	before := os.Args[0]
	for range 3 {
		dropProgramPages()
		if os.Args[0] != before || commandTable() == "" {
			t.Fatal("the program lost what it knew")
		}
	}
}

func commandTable() string { return (&app{env: os.Getenv}).command().UsageString() }
