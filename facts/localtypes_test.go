package facts

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// localSnapshot gathers the local facts of files of facts.d and of types.
func localSnapshot(t *testing.T, files, types map[string]string, now time.Time) Snapshot {
	t.Helper()
	dir, lower, upper := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		write(dir, name, text)
	}
	for name, text := range types {
		if rest, ok := strings.CutPrefix(name, "lower/"); ok {
			write(lower, rest, text)
			continue
		}
		write(upper, name, text)
	}
	g, err := New(Options{LocalDir: dir, LocalTypes: []string{lower, upper}, SystemBus: "-", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	return g.Snapshot(context.Background(), Set{LocalFacts: true}, Target{})
}

func TestALocalFactIsOfTheTypeThatTheAdministratorGave(t *testing.T) {
	types := map[string]string{"room.schema.json": `{
		"noise": {"type": "integer", "minimum": 0, "maximum": 120, "unit": "decibel", "help": "How loud the room is."},
		"level": {"type": "number", "maximum": 1}, "open": {"type": "boolean"}, "mode": {"type": "string", "enum": ["day", "night"]},
		"who": {"type": "list", "enum": ["cat", "dog"]}, "brief": {"type": "integer", "max_age_seconds": 60}}`}
	for value, c := range map[string]struct {
		name string
		want any
		why  string // part of it, where the fact is unknown
	}{
		`42`:            {"noise", int64(42), ""},
		`42.0`:          {"noise", nil, "the value of noise is not of type integer; correct it, or its type"},
		`42.5`:          {"noise", nil, "is not of type integer"},
		`"42"`:          {"noise", nil, "is not of type integer"},
		`-1`:            {"noise", nil, "is below its minimum 0"},
		`121`:           {"noise", nil, "is above its maximum 120"},
		`true`:          {"open", true, ""},
		`1`:             {"open", nil, "is not of type boolean"},
		`0.25`:          {"level", 0.25, ""},
		`1e999`:         {"level", nil, "is not a number that can be held"},
		`"day"`:         {"mode", "day", ""},
		`"noon"`:        {"mode", nil, `says "noon", which is none of day, night`},
		`["dog","cat"]`: {"who", "[cat dog]", ""},
		`["cow"]`:       {"who", nil, `says "cow"`},
		`[1]`:           {"who", nil, "is not a list of strings"},
		`{"a":1}`:       {"who", nil, "is not of type list"},
	} {
		s := localSnapshot(t, map[string]string{"r.json": `{"` + c.name + `": {"value": ` + value + `}}`}, types, time.Now())
		got := s.Get(LocalFacts + "." + ID(c.name))
		v := got.V
		if l, ok := v.([]string); ok {
			v = "[" + strings.Join(l, " ") + "]"
		}
		if v != c.want || (got.State == Known) != (c.want != nil) || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s %s: got %v %s (%s), want %v (%s)", c.name, value, got.V, got.State, got.Why, c.want, c.why)
		}
		if c.want == nil && !strings.Contains(got.Why, "r.json") {
			t.Errorf("%s %s: %q does not name the file", c.name, value, got.Why)
		}
	}
	old := localSnapshot(t, map[string]string{"r.json": `{"brief": {"value": 1, "max_age_seconds": 100000}}`}, types, time.Now().Add(2*time.Minute))
	if got := old.Get("local.brief"); got.State != Unknown || !strings.Contains(got.Why, "allowed are 60") {
		t.Errorf("got %+v, want stale: the type allows a minute", got)
	}
}

func TestWhereSomeLocalFactsHaveATypeAllNeedOne(t *testing.T) {
	files := map[string]string{"r.json": `{"noise": {"value": 3}, "nosie": {"value": 3}}`}
	s := localSnapshot(t, files, map[string]string{"r.schema.json": `{"noise": {"type": "integer"}}`}, time.Now())
	if got := s.Get("local.noise"); got.V != int64(3) {
		t.Errorf("noise: got %+v, want 3", got)
	}
	if got := s.Get("local.nosie"); got.State != Unknown || !strings.Contains(got.Why, "nosie has no type") {
		t.Errorf("nosie: got %+v, want unknown", got)
	}
	if got := localSnapshot(t, files, nil, time.Now()).Get("local.nosie"); got.V != json.Number("3") {
		t.Errorf("no types at all: got %+v, want 3", got)
	}
	broken := localSnapshot(t, files, map[string]string{"r.schema.json": `{"noise": {"type": "integer"`}, time.Now())
	for _, id := range []ID{"local.noise", "local.r_types"} {
		if got := broken.Get(id); got.State != Unknown {
			t.Errorf("broken types: %s is %+v, want unknown", id, got)
		}
	}
	if got := broken.Get("local.r_types").Why; !strings.Contains(got, "r.schema.json") || !strings.Contains(got, "is not a JSON object") {
		t.Errorf("got %q, want the file and what is wrong", got)
	}
}

func TestTheTypeOfTheLaterDirectoryCounts(t *testing.T) {
	s := localSnapshot(t, map[string]string{"r.json": `{"noise": {"value": "loud"}}`},
		map[string]string{"lower/r.schema.json": `{"noise": {"type": "integer"}}`, "z.schema.json": `{"noise": {"type": "string"}}`}, time.Now())
	if got := s.Get("local.noise"); got.V != "loud" {
		t.Errorf("got %+v, want loud", got)
	}
}

func TestATypeThatMakesNoSenseIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": {"type": "int"}}`:                               "use boolean, integer, number, string or list",
		`{"a": {}}`:                                            "use boolean, integer",
		`{"A": {"type": "string"}}`:                            "not lower case",
		`{"a": {"type": "integer", "enum": ["x"]}}`:            "takes no enum",
		`{"a": {"type": "string", "minimum": 1}}`:              "takes no minimum",
		`{"a": {"type": "number", "minimum": 2, "maximum":1}}`: "minimum above",
		`{"a": {"type": "number", "max_age_seconds": 0}}`:      "not positive",
		`{"a": {"type": "number", "units": "s"}}`:              "unknown field",
		`{"a": {"type": "number"}} {}`:                         "more behind",
	} {
		if got, err := parseLocalTypes([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestALocalFactFromTheFutureIsStale(t *testing.T) {
	files := map[string]string{"r.json": `{"noise": {"value": 3, "max_age_seconds": 600}, "lasting": {"value": 4}}`}
	s := localSnapshot(t, files, nil, time.Now().Add(-24*time.Hour))
	if got := s.Get("local.noise"); got.State != Unknown || !strings.Contains(got.Why, "in the future") {
		t.Errorf("got %+v, want unknown: after the clock was set back it would stay fresh for a day", got)
	}
	if got := s.Get("local.lasting"); got.State != Known {
		t.Errorf("got %+v, want known: it never goes stale", got)
	}
}

func TestATypeThatOthersMayWriteIsNotBelieved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permission bits; the directory's access control list protects it")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "r.schema.json")
	if err := os.WriteFile(file, []byte(`{"noise": {"type": "integer"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if list, err := LocalCatalogue(dir); err != nil || len(list) != 1 || list[0].ID != "local.noise" {
		t.Errorf("got %v, %v, want noise", list, err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if list, err := LocalCatalogue(dir); err == nil || len(list) != 0 {
		t.Errorf("got %v, %v, want a refusal", list, err)
	}
}

func TestDescribedLocalFactsCloseTheSchema(t *testing.T) {
	types, err := parseLocalTypes([]byte(`{"noise": {"type": "integer", "minimum": 0}}`))
	if err != nil {
		t.Fatal(err)
	}
	schema := Schema(types["noise"])
	validate(t, schema, map[string]any{"local": map[string]any{"noise": 3}})
	for _, wrong := range []map[string]any{{"noise": "3"}, {"noise": -1}, {"nosie": 3}} {
		if invalid(t, schema, map[string]any{"local": wrong}) == nil {
			t.Errorf("%v fits the schema, want a refusal", wrong)
		}
	}
	validate(t, Schema(), map[string]any{"local": map[string]any{"anything": []any{1, "x"}}})
}
