package trust

import (
	"strings"
	"testing"
)

func TestWhatEndsSoonIsToldSixtyDaysAhead(t *testing.T) {
	w := newWorld(t)
	p := w.admitted("3.1.0") // expires in 100 days; the key in 306, the vendor in 458
	if got := w.Expiring(ExpiryNotice, p); len(got) > 0 {
		t.Errorf("got %v, want nothing yet", got)
	}
	w.now = w.now.Add(50 * day)
	if got := w.Expiring(ExpiryNotice, p); len(got) != 1 || !strings.Contains(got[0].What, "com.example.reader 3.1.0") {
		t.Errorf("got %v, want the package", got)
	}
	w.now = w.now.Add(400 * day)
	got := w.Expiring(ExpiryNotice, p)
	if len(got) != 3 || got[1].What != "key 2027" || got[2].What != "vendor file" || got[2].Remedy == "" {
		t.Errorf("got %v, want package, key and vendor file", got)
	}
}
