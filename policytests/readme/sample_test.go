package readme

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/policies"
	"github.com/lullhq/lull/runner"
)

func TestTheSampleKeepsInstallsOutOfTheWorkingDay(t *testing.T) {
	etc := fstest.MapFS{
		"eligibility/office.rego": {Data: []byte(Sample)}, "requirements/data.yaml": {Data: []byte(SampleRequirements)},
	}
	e, err := engine.New(context.Background(), engine.Options{
		Layers: func() []engine.Layer {
			return []engine.Layer{{Name: "embedded", FS: policies.FS}, {Name: "etc", FS: etc}}
		},
		Schema: runner.Schema(), Deadline: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, weekday    string
		minute           int
		security, closed bool
	}{
		{"a working day at noon waits", "Tuesday", 720, false, false},
		{"a working evening does not", "Tuesday", 1080, false, true},
		{"nor does a Sunday", "Sunday", 720, false, true},
		{"nor a security update", "Tuesday", 720, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := decide(t, e, tc.weekday, tc.minute, tc.security)
			if got := !slices.Contains(d.WaitsFor, "office_closed"); got != tc.closed {
				t.Errorf("office_closed met: got %v, want %v (%+v)", got, tc.closed, d)
			}
		})
	}
}

func decide(t *testing.T, e *engine.Engine, weekday string, minute int, security bool) engine.Decision {
	t.Helper()
	text, err := os.ReadFile("testdata/install.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	doc["clock"]["weekday"], doc["clock"]["minute_of_day"], doc["update"]["security"] = weekday, minute, security
	input := map[string]any{"running": []any{}}
	for name, section := range doc {
		input[name] = section
	}
	if text, err = json.Marshal(input); err != nil {
		t.Fatal(err)
	}
	in, err := e.ParseInput(text)
	if err != nil {
		t.Fatal(err)
	}
	return e.Decide(context.Background(), in)
}
