package execute

import (
	"strings"
	"testing"
)

func TestTheOutcomeFollowsFromWordsEndAndCause(t *testing.T) {
	word := func(o Outcome) []said { return []said{{Result: o, Message: "words", Restart: "app"}} }
	exit := func(n int) ending { return ending{code: n} }
	killed := ending{code: -1, signal: "SIGKILL"}
	for _, c := range []struct {
		name          string
		words         []said
		end           ending
		why           cause
		want          Outcome
		contradiction bool
	}{
		{"exit 0 without the channel succeeded", nil, exit(0), byItself, Succeeded, false},
		{"exit 75 without the channel is try later", nil, exit(75), byItself, TryLater, false},
		{"any other exit failed", nil, exit(1), byItself, Failed, false},
		{"a signal from elsewhere failed", nil, killed, byItself, Failed, false},
		{"a result that fits counts", word(Continue), exit(0), byItself, Continue, false},
		{"removed with exit 0 counts", word(Removed), exit(0), byItself, Removed, false},
		{"failed with an exit status counts", word(Failed), exit(3), byItself, Failed, false},
		{"failed with exit 0 is a contradiction", word(Failed), exit(0), byItself, Failed, true},
		{"succeeded with exit 1 is a contradiction", word(Succeeded), exit(1), byItself, Failed, true},
		{"succeeded and then a signal is a contradiction", word(Succeeded), killed, byItself, Failed, true},
		{"succeeded with exit 75 is a contradiction", word(Succeeded), exit(75), byItself, Failed, true},
		{"two results are a contradiction even when equal", append(word(Succeeded), word(Succeeded)...), exit(0), byItself, Failed, true},
		{"canceled by itself is canceled", word(Canceled), exit(1), byItself, Canceled, false},
		{"a cancel that came too late succeeded", word(Succeeded), exit(0), byCancel, Succeeded, false},
		{"a cancel that killed it is canceled", nil, killed, byCancel, Canceled, false},
		{"a result, and then killed by a cancel, is canceled", word(Succeeded), killed, byCancel, Canceled, false},
		{"a time-out failed whatever it said", word(Succeeded), killed, byTimeout, Failed, false},
		{"the daemon's death canceled it", nil, killed, byOrphan, Canceled, false},
		{"a broken limit failed whatever it said", word(Succeeded), exit(0), byFault, Failed, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Result
			judge(&r, c.words, c.end, c.why, "the limit")
			if r.Outcome != c.want || (r.Contradiction != "") != c.contradiction {
				t.Errorf("got %s, contradiction %q; want %s, contradiction %v", r.Outcome, r.Contradiction, c.want, c.contradiction)
			}
			if r.Outcome == Failed && r.Message == "" {
				t.Error("a failure says nothing")
			}
			if r.Contradiction != "" && r.Restart != "" {
				t.Error("a contradiction asks for a restart")
			}
		})
	}
}

func TestLinesOfTheChannelAreAcceptedOrNameWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ line, wrong string }{
		{`{"progress":{"current":3,"total":10}}`, ""},
		{`{"result":"succeeded","message":"done","restart":"app"}`, ""},
		{`{"something":"new"}`, ""},
		{`{"result":"great"}`, "unknown result"},
		{`{"result":"succeeded","restart":"reactor"}`, "unknown restart"},
		{`{"progress":{"current":-1}}`, "below zero"},
		{`{"progress":"half"}`, "JSON object"},
		{`hello`, "JSON object"},
		{`["a"]`, "JSON object"},
	} {
		_, err := parseLine([]byte(c.line))
		if got := text(err); c.wrong == "" && got != "" || !strings.Contains(got, c.wrong) {
			t.Errorf("%s: got %q, want %q", c.line, got, c.wrong)
		}
	}
}

func FuzzALineOfTheChannelIsRefusedOrSafeToShow(f *testing.F) {
	f.Add([]byte(`{"result":"failed","message":"a\u0007b\u202e"}`))
	f.Add([]byte(`{"progress":{"current":1e308,"total":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseLine(b)
		if err != nil {
			return
		}
		if strings.ContainsFunc(s.Message, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) || len([]rune(s.Message)) > maxMessage {
			t.Errorf("accepted the message %q", s.Message)
		}
		if s.Progress != nil && (s.Progress.Current < 0 || s.Progress.Total < 0) {
			t.Errorf("accepted the progress %+v", *s.Progress)
		}
	})
}

func TestASpecThatWouldChangeWhichCodeRunsIsRefused(t *testing.T) {
	good := Spec{ID: "a", Action: "install", Updater: "u", StateDir: "/s", StageDir: "/t"}
	if err := good.check(); err != nil {
		t.Fatalf("a good spec: %v", err)
	}
	for name, change := range map[string]func(*Spec){
		"an id with a slash":            func(s *Spec) { s.ID = "../a" },
		"an empty id":                   func(s *Spec) { s.ID = "" },
		"a hidden id":                   func(s *Spec) { s.ID = ".a" },
		"no action":                     func(s *Spec) { s.Action = "" },
		"a relative write directory":    func(s *Spec) { s.Write = []string{"opt"} },
		"a write directory that climbs": func(s *Spec) { s.Write = []string{"/opt/../etc"} },
		"nested write directories":      func(s *Spec) { s.Write = []string{"/opt/a", "/opt/a/b"} },
		"equal write directories":       func(s *Spec) { s.Write = []string{"/opt/a", "/opt/a"} },
		"the loader's variables":        func(s *Spec) { s.Env = []string{"LD_PRELOAD=/x.so"} },
		"a variable of lull's own":      func(s *Spec) { s.Env = []string{"LULL_FD=9"} },
		"another path":                  func(s *Spec) { s.Env = []string{"PATH=/tmp"} },
		"no equals sign":                func(s *Spec) { s.Env = []string{"FOO"} },
		"a negative limit":              func(s *Spec) { s.Tasks = -1 },
		"endless output":                func(s *Spec) { s.OutputLimit = 1 << 40 },
	} {
		s := good
		if change(&s); s.check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
