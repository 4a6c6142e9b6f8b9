package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/policies"
	"github.com/lullhq/lull/runner"
)

var reloads = flag.Int("reload.rounds", 60, "reloads after which heap and goroutines have to be as before")

var update = flag.Bool("update", false, "write the golden parts of testdata/load")

// TestLoad reads testdata/load/*.txtar: the files of a layer over the shipped
// policies, and in "want" what is said about them.
func TestLoad(t *testing.T) {
	cases, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases found", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { loadCase(t, name) })
	}
}

func loadCase(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content, want, at := map[string]string{}, "", len(ar.Files)
	for i, f := range ar.Files {
		if f.Name == "want" {
			want, at = string(f.Data), i
			continue
		}
		content[f.Name] = string(f.Data)
	}
	got := said(engine.New(context.Background(), options(files(content))))
	if *update {
		ar.Files = append(ar.Files[:at], txtar.File{Name: "want", Data: []byte(got)})
		if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func said(e *engine.Engine, err error) string {
	var b strings.Builder
	var bad *engine.LoadError
	switch {
	case errors.As(err, &bad):
		for _, d := range bad.Diagnostics {
			fmt.Fprintf(&b, "%s: %s\n", d.Severity, d)
		}
	case err != nil:
		fmt.Fprintln(&b, err)
	default:
		for _, d := range e.Generation().Check() {
			fmt.Fprintf(&b, "%s: %s\n", d.Severity, d)
		}
	}
	return b.String()
}

// changeable is a layer whose content a test may replace.
func changeable(content *map[string]string) engine.Options {
	o := options()
	o.Layers = func() []engine.Layer { return []engine.Layer{embedded, files(*content)} }
	return o
}

const broken = "package eligibility\n\nmet contains \"x\" if input.facts.presence.idle_secs > 3\n"

func TestABrokenEditLeavesTheLastGoodSetInForce(t *testing.T) {
	ctx, content := context.Background(), map[string]string{}
	e, err := engine.New(ctx, changeable(&content))
	if err != nil {
		t.Fatal(err)
	}
	good := e.Generation()
	content = map[string]string{"x.rego": broken}
	changed, err := e.Reload(ctx)
	var bad *engine.LoadError
	if changed || !errors.As(err, &bad) || e.Generation() != good {
		t.Fatalf("got changed %v, error %v; want a LoadError and the same generation", changed, err)
	}
	if s := e.Status(); s.Rejected != bad.Digest || s.Digest != good.Digest() || len(s.Diagnostics) == 0 {
		t.Errorf("got %+v, want the rejected digest and why", s)
	}
	if changed, err = e.Reload(ctx); changed || err != nil {
		t.Errorf("the same edit again: got %v, %v, want nothing new", changed, err)
	}
	content = map[string]string{"thresholds/data.yaml": "x: ["}
	if _, err = e.Reload(ctx); !errors.As(err, &bad) || bad.Digest == good.Digest() || bad.Digest == "" {
		t.Errorf("a file that is no YAML: got %v, rejected %q, want a digest of its own", err, bad.Digest)
	}
	content = map[string]string{}
	if changed, err = e.Reload(ctx); changed || err != nil || e.Status().Rejected != "" {
		t.Errorf("the edit taken back: got %v, %v, %+v, want no rejection left", changed, err, e.Status())
	}
}

func TestARestartWithABrokenEditDecidesByTheLastGoodSetOnDisk(t *testing.T) {
	ctx, content := context.Background(), map[string]string{"thresholds/data.yaml": "few_cores_count: 4\n"}
	o := changeable(&content)
	o.StateDir = t.TempDir()
	first, err := engine.New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	content = map[string]string{"x.rego": broken}
	second, err := engine.New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if s := second.Status(); !s.FromLastGood || s.Digest != first.Generation().Digest() || len(s.Diagnostics) == 0 {
		t.Errorf("got %+v, want the last good set and why the new one is rejected", s)
	}
	content = map[string]string{"thresholds/data.yaml": "few_cores_count: 4\n"}
	if _, err := second.Reload(ctx); err != nil || second.Status().FromLastGood {
		t.Errorf("after the repair: got %v, %+v, want the layers in force", err, second.Status())
	}
}

func TestADamagedCopyOfTheLastGoodSetIsNotUsed(t *testing.T) {
	ctx, content := context.Background(), map[string]string{}
	o := changeable(&content)
	o.StateDir = t.TempDir()
	if _, err := engine.New(ctx, o); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(o.StateDir, "policies.last-good.json")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte(`"digest":"`), []byte(`"digest":"0`), 1)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	content = map[string]string{"x.rego": broken}
	if _, err := engine.New(ctx, o); err == nil {
		t.Error("got no error, want the damaged copy to be refused")
	}
}

func TestAnEmptyFileMasksTheLowerOneOfTheSamePath(t *testing.T) {
	content := map[string]string{"eligibility/network.rego": "\n"}
	_, err := engine.New(context.Background(), changeable(&content))
	if err == nil || !strings.Contains(err.Error(), `"network_online"`) {
		t.Errorf("got %v, want an error about network_online, which nothing defines now", err)
	}
}

func TestALayerWhoseRootIsMissingIsEmpty(t *testing.T) {
	open(t, engine.Layer{Name: "none", FS: os.DirFS(filepath.Join(t.TempDir(), "none"))})
}

func TestKubernetesStyleDirectoriesAreReadThroughTheirLinks(t *testing.T) {
	dir := t.TempDir()
	hidden := filepath.Join(dir, "..2026_11_23", "thresholds")
	if err := os.MkdirAll(hidden, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(hidden, "data.yaml"), []byte("few_cores_count: 6\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"..data": "..2026_11_23", "thresholds": "..data/thresholds"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	for _, th := range open(t, engine.Layer{Name: "k8s", FS: os.DirFS(dir)}).Generation().Thresholds() {
		if th.Key == "few_cores_count" && th.Origin != "k8s/thresholds/data.yaml:1" {
			t.Errorf("got %+v, want the value of the mounted volume", th)
		}
	}
}

func TestManyReloadsLeakNothing(t *testing.T) {
	engine.NothingMeets(t)
	ctx, content := context.Background(), map[string]string{}
	e, err := engine.New(ctx, changeable(&content))
	if err != nil {
		t.Fatal(err)
	}
	turn := func(i int) {
		content = map[string]string{"thresholds/data.yaml": fmt.Sprintf("few_cores_count: %d\n", 2+i%7)}
		if _, err := e.Reload(ctx); err != nil {
			t.Fatal(err)
		}
		e.Decide(ctx, input(t, e, nil))
	}
	for i := range 10 {
		turn(i)
	}
	heap, routines := live(), runtime.NumGoroutine()
	for i := range *reloads {
		turn(i)
	}
	heapNow, routinesNow := live(), runtime.NumGoroutine()
	t.Logf("%d reloads: heap %d -> %d bytes, goroutines %d -> %d", *reloads, heap, heapNow, routines, routinesNow)
	if heapNow > heap+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes in %d reloads", heap, heapNow, *reloads)
	}
	if routinesNow > routines+2 {
		t.Errorf("got %d goroutines, had %d", routinesNow, routines)
	}
}

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestDecidingGoesOnDuringReloads(t *testing.T) {
	ctx, content := context.Background(), map[string]string{}
	e, err := engine.New(ctx, changeable(&content))
	if err != nil {
		t.Fatal(err)
	}
	runs := input(t, e, nil)
	waits := input(t, e, map[string]any{"facts/presence/idle_seconds": 1})
	var deciders sync.WaitGroup
	stop, rounds := make(chan struct{}), [4]int{}
	for i := range rounds {
		deciders.Go(func() {
			for ; ; rounds[i]++ {
				select {
				case <-stop:
					return
				default:
				}
				decideBothWays(t, e, runs, waits)
			}
		})
	}
	for i := range 10 {
		content = map[string]string{"thresholds/data.yaml": fmt.Sprintf("few_cores_count: %d\n", 1+i%3)}
		if i%4 == 3 {
			content["eligibility/broken.rego"] = broken
		}
		if _, err := e.Reload(ctx); (err != nil) != (i%4 == 3) {
			t.Errorf("reload %d: %v", i, err)
		}
	}
	close(stop)
	deciders.Wait()
	if slices.Contains(rounds[:], 0) {
		t.Errorf("rounds of the deciders: %v, want each to have decided", rounds)
	}
}

// decideBothWays asks everything that reads the generation in force: what runs
// by every generation, and what waits, why, and until when.
func decideBothWays(t *testing.T, e *engine.Engine, runs, waits *engine.Input) {
	ctx := context.Background()
	if d := e.Decide(ctx, runs); d.Verdict != engine.Run {
		t.Errorf("got %+v, want run by every generation", d)
	}
	d := e.Decide(ctx, waits)
	if d.Verdict != engine.Wait || !slices.Contains(d.WaitsFor, "user_away") {
		t.Errorf("got %+v, want a wait for user_away by every generation", d)
	}
	e.Next(waits, d, time.Unix(1_700_000_000, 0))
	c := e.Rechecker()
	c.Set("one", waits, d)
	c.Share(runs.Facts, runs.Meta, runs.Clock)
	if ready := c.Ready(ctx); len(ready) != 1 {
		t.Errorf("ready: %v, want the one that waits for the user to be away", ready)
	}
	e.Status()
}

// hundred is a layer of 100 rule files.
func hundred(tag int) engine.Layer {
	m := fstest.MapFS{}
	for i := range 100 {
		text := fmt.Sprintf("package helpers.h%d\n\nlimit := %d\n\nok if input.facts.presence.idle_seconds >= limit\n", i, i+tag)
		m[fmt.Sprintf("helpers/h%d.rego", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return engine.Layer{Name: "etc", FS: m}
}

// BenchmarkReload100 puts 100 changed rule files in force.
func BenchmarkReload100(b *testing.B) {
	ctx, tag := context.Background(), 0
	e, err := engine.New(ctx, engine.Options{Schema: runner.Schema(), Deadline: time.Second, Layers: func() []engine.Layer {
		return []engine.Layer{{Name: "embedded", FS: policies.FS}, hundred(tag)}
	}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		tag++
		if changed, err := e.Reload(ctx); !changed || err != nil {
			b.Fatal(changed, err)
		}
	}
}

func TestTheReadSetNamesWhatRulesRead(t *testing.T) {
	reads := open(t).Generation().ReadSet()
	for _, want := range []string{"action.kind", "facts.presence.idle_seconds", "facts.power.on_ac", "facts.cpu.cores"} {
		if !slices.Contains(reads, want) {
			t.Errorf("got %v, want it to contain %s", reads, want)
		}
	}
	if slices.Contains(reads, "action.estimated_seconds") {
		t.Errorf("got action.estimated_seconds, which no rule reads")
	}
}

// An administrator may give types to facts of their own while the daemon runs.
func TestPoliciesAreLoadedAnewAgainstANewSchema(t *testing.T) {
	schema := func(local string) []byte {
		closed := `"local": {"type": "object", "additionalProperties": false, "properties": {"` + local + `": {"type": "integer"}},`
		return bytes.Replace(runner.Schema(), []byte(`"local": {`), []byte(closed), 1)
	}
	current := schema("noise")
	o := options(files(map[string]string{"a.rego": "package eligibility\n\n# METADATA\n# title: Quiet\nmet contains \"quiet\" if input.facts.local.noise < 3\n"}))
	o.Schemas = func() []byte { return current }
	e, err := engine.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := e.Reload(context.Background()); changed || err != nil {
		t.Errorf("nothing changed: got %v, %v", changed, err)
	}
	fits := func(local string) error {
		doc, err := json.Marshal(document(t, map[string]any{"facts/local": map[string]any{local: 1}}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.ParseInput(doc)
		return err
	}
	if err := fits("noise"); err != nil {
		t.Error(err)
	}
	if fits("nosie") == nil {
		t.Error("a local fact of no type fits the schema, want a refusal")
	}
	current = schema("nosie")
	var bad *engine.LoadError
	if changed, err := e.Reload(context.Background()); changed || !errors.As(err, &bad) {
		t.Errorf("noise has no type: got %v, %v, want a LoadError", changed, err)
	}
	if err := fits("noise"); err != nil {
		t.Errorf("the set in force keeps its schema: got %v", err)
	}
	current = schema("noise")
	if changed, err := e.Reload(context.Background()); changed || err != nil || e.Status().Rejected != "" {
		t.Errorf("the edit was taken back: got %v, %v, %+v", changed, err, e.Status())
	}
	current = bytes.Replace(current, []byte(`"noise": {"type": "integer"}`), []byte(`"noise": {"type": "number"}`), 1)
	if changed, err := e.Reload(context.Background()); !changed || err != nil {
		t.Errorf("the type changed: got %v, %v, want a new set", changed, err)
	}
}
