package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// stranger is a uid that is neither root, nor the tests' user, nor a member of
// any group: the highest that systemd never gives out (uid_t 65535 and above
// are "not assigned" in its UIDS-GIDS document).
const stranger = 4200000

func TestWhoMayDoWhat(t *testing.T) {
	at := func(uid int) bool { return uid == stranger+1 }
	s := NewServer(&fake{facts: Facts{Facts: map[string]any{}}}, Options{ActiveSession: at})
	root, own := Peer{Known: true}, Peer{Known: true, UID: os.Geteuid()}
	someone, sitting, unknown := Peer{Known: true, UID: stranger}, Peer{Known: true, UID: stranger + 1}, Peer{}
	all := []Peer{root, own, someone, sitting, unknown}
	for _, tc := range []struct {
		method, path string
		may          []Peer
	}{
		{"GET", "/v1/status", all},
		{"GET", "/v1/updaters", all},
		{"GET", "/v1/policy", all},
		{"GET", "/v1/why?updater=a", all},
		{"GET", "/v1/facts", all},
		{"GET", "/v1/history", []Peer{root, own}},
		{"POST", "/v1/updaters", []Peer{root, own}},
		{"DELETE", "/v1/updaters/a", []Peer{root, own}},
		{"POST", "/v1/updaters/a/scan", []Peer{root, own}},
		{"POST", "/v1/updaters/a/uninstall", []Peer{root, own}},
		{"POST", "/v1/updaters/a/retry", []Peer{root, own}},
		{"POST", "/v1/updaters/a/hold", []Peer{root, own, sitting}},
		{"POST", "/v1/updaters/a/unhold", []Peer{root, own, sitting}},
		{"POST", "/v1/updaters/a/approve", []Peer{root, own, sitting}},
	} {
		for _, p := range all {
			r := httptest.NewRequest(tc.method, tc.path, nil)
			w := httptest.NewRecorder()
			s.handler().ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, p)))
			may := false
			for _, one := range tc.may {
				may = may || one == p
			}
			if got := w.Code != http.StatusForbidden; got != may {
				t.Errorf("%s %s by %s: got %d, allowed should be %v", tc.method, tc.path, p, w.Code, may)
			}
		}
	}
}

func TestTheEventsAreForAdministratorsOnly(t *testing.T) {
	s := NewServer(&fake{}, Options{})
	r := httptest.NewRequest(http.MethodGet, "/v1/events", nil)
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, Peer{Known: true, UID: stranger})))
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d", w.Code)
	}
}

func TestAStrangerDoesNotLearnWhetherSomebodyIsThere(t *testing.T) {
	f := Facts{
		Facts: map[string]any{"presence": map[string]any{"idle_seconds": 3}, "power": map[string]any{"on_ac": true}},
		Meta:  map[string]any{"presence.idle_seconds": 1, "power.on_ac": 1},
	}.withoutPeople()
	if len(f.Facts) != 1 || f.Facts["power"] == nil || len(f.Meta) != 1 || f.Meta["power.on_ac"] == nil {
		t.Errorf("got %+v", f)
	}
	given := Why{Earliest: new(time.Time), Unmet: []Unmet{{Condition: "user_away", Text: "away for 3 s", Observed: []string{"facts.presence.idle_seconds = 3", "input.facts.presence.locked = false", "facts.power.on_ac = true"}}}}
	w := given.withoutPeople()
	if u := w.Unmet[0]; u.Condition != "user_away" || u.Text != "" || len(u.Observed) != 1 {
		t.Errorf("got %+v", u)
	}
	if w.Earliest != nil {
		t.Error("the instant from which it may run tells for how long nobody was there")
	}
	if given.Unmet[0].Text == "" {
		t.Error("the backend's own answer was changed")
	}
}

func TestOnlyAnActiveSessionOnASeatCounts(t *testing.T) {
	run := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		os.MkdirAll(filepath.Dir(filepath.Join(run, name)), 0o755)
		if err := os.WriteFile(filepath.Join(run, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("users/1000", "NAME=ann\nSTATE=active\nACTIVE_SESSIONS=2 3\n")
	write("sessions/2", "UID=1000\nACTIVE=1\nREMOTE=1\n")
	write("users/1001", "ACTIVE_SESSIONS=4 ../sessions/3\n")
	write("sessions/4", "UID=1001\nACTIVE=0\nREMOTE=0\nSEAT=seat0\n")
	if activeSession(run, 1000) {
		t.Error("a remote session counts")
	}
	write("sessions/3", "UID=1000\nACTIVE=1\nREMOTE=0\nSEAT=seat0\n")
	if !activeSession(run, 1000) {
		t.Error("the active local session does not count")
	}
	if activeSession(run, 1001) {
		t.Error("an inactive session, or another user's, counts")
	}
	if activeSession(run, 1002) || activeSession(filepath.Join(run, "none"), 1000) {
		t.Error("a user whom logind does not know counts")
	}
}
