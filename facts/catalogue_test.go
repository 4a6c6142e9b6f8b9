package facts

import (
	"context"
	"encoding/json"
	"flag"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write README.md and testdata/machines/*.json anew")

func TestFactsHaveUnitsInTheirNames(t *testing.T) {
	suffix := map[string]string{"seconds": "_seconds", "bytes": "_bytes", "ratio": "_ratio", "percent": "_percent"}
	seen := map[ID]bool{}
	for _, d := range Catalogue() {
		if seen[d.ID] {
			t.Errorf("%s is declared twice", d.ID)
		}
		seen[d.ID] = true
		if end := suffix[d.Unit]; end != "" && !regexp.MustCompile(end+"$").MatchString(string(d.ID)) {
			t.Errorf("%s is in %s; its name should end in %s", d.ID, d.Unit, end)
		}
		if d.Help == "" || len(d.Platforms) == 0 || d.Cost == "" {
			t.Errorf("%s lacks help, platforms or cost", d.ID)
		}
	}
}

func TestNamesThatOthersRelyOnExist(t *testing.T) {
	for _, id := range []ID{"presence.idle_seconds", "presence.locked", "presence.busy", "presence.sessions", "presence.remote_sessions",
		"power.on_ac", "power.battery_percent", "power.saver", "cpu.cores", "cpu.busy_ratio", "storage.rotational", "storage.io_queue_depth",
		"storage.io_busy_ratio", "storage.free_bytes", "pressure.cpu.some_avg10_ratio", "pressure.cpu.full_avg10_ratio",
		"pressure.io.some_avg10_ratio", "pressure.io.full_avg10_ratio", "pressure.memory.some_avg10_ratio", "pressure.memory.full_avg10_ratio",
		"memory.available_bytes", "network.online", "network.unmetered", "thermal.throttled", "host.uptime_seconds",
		"host.since_resume_seconds", "host.reboot_pending", "host.virtual", "inhibitors.shutdown", "packages.locked"} {
		if _, ok := Describe(id); !ok {
			t.Errorf("%s is missing from the catalogue", id)
		}
	}
}

func TestWhatIsGatheredFitsTheSchemas(t *testing.T) {
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s := g.Snapshot(context.Background(), nil, Target{Path: t.TempDir()})
	validate(t, Schema(), s.Facts())
	validate(t, MetaSchema(), s.Meta())
	if got, want := len(s.Meta()), len(Catalogue()); got != want {
		t.Errorf("meta speaks of %d facts, want all %d", got, want)
	}
}

func validate(t *testing.T, schema, doc map[string]any) {
	t.Helper()
	if err := invalid(t, schema, doc); err != nil {
		t.Error(err)
	}
}

// invalid says what of doc breaks the schema; nil when nothing does.
func invalid(t *testing.T, schema, doc map[string]any) error {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", plain(t, schema)); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("s.json").Validate(plain(t, doc))
}

// plain turns v into what a JSON decoder makes.
func plain(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What the catalogue promises for this platform is what its collectors have.
func TestEveryFactHasASourceOnThePlatformsItNames(t *testing.T) {
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	has := map[ID]bool{}
	for _, c := range g.collectors {
		for _, f := range c.facts() {
			has[declared[f].ID] = true
		}
	}
	for _, d := range Catalogue() {
		if says := slices.Contains(d.Platforms, runtime.GOOS); says != has[d.ID] {
			t.Errorf("%s: the catalogue says %v for %s, a source there is: %v", d.ID, says, runtime.GOOS, has[d.ID])
		}
	}
}

// A reason that a person cannot use is a defect.
func TestWhatIsNotKnownSaysWhy(t *testing.T) {
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s := g.Snapshot(context.Background(), nil, Target{Path: t.TempDir()})
	for _, d := range Catalogue() {
		v := s.Get(d.ID)
		if v.State != Known && strings.TrimSpace(v.Why) == "" {
			t.Errorf("%s is %s and does not say why", d.ID, v.State)
		}
		if v.State == Unknown && v.Why == noSource && slices.Contains(d.Platforms, runtime.GOOS) {
			t.Errorf("%s has a source here that said nothing", d.ID)
		}
	}
}

func TestOnlyWantedFactsAreGathered(t *testing.T) {
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	s := g.Snapshot(context.Background(), Wanted([]string{"facts.cpu.cores", "action.kind"}), Target{})
	if got := s.Meta(); len(got) != 1 || got["cpu.cores"] == nil {
		t.Errorf("got %v, want cpu.cores alone", got)
	}
}

func TestWantedPathsMayNameSubtreesAndElements(t *testing.T) {
	if got := Wanted([]string{"facts.presence.busy[_]"}); len(got) != 0 && !got["presence.busy"] {
		t.Errorf("got %v", got.IDs())
	}
	for path, n := range map[string]int{"facts.storage": 7, "facts.pressure.io": 2, "input.facts.power.on_ac": 1, "facts.local.x.y": 1, "clock": 0, "facts": len(Catalogue()) + 1} {
		if got := Wanted([]string{path}); len(got) != n {
			t.Errorf("%s wants %d facts (%v), want %d", path, len(got), got.IDs(), n)
		}
	}
}
