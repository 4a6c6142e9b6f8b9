package engine_test

import (
	"context"
	"testing"

	"github.com/lullhq/lull/engine"
)

func TestDiffShowsOnlyInputsThatAreDecidedDifferently(t *testing.T) {
	old := open(t)
	changed := open(t, files(map[string]string{"thresholds/data.yaml": "idle_seconds:\n  install: {standard: 900}\nidle_when_locked_seconds: 900\n"}))
	got := engine.Diff(context.Background(), old, changed, map[string]*engine.Input{
		"away for long":    input(t, old, nil),
		"away for a while": input(t, old, map[string]any{"facts/presence/idle_seconds": 600}),
	})
	if len(got) != 1 || got[0].Input != "away for a while" || got[0].Old.Verdict != engine.Run || got[0].New.Verdict != engine.Wait {
		t.Errorf("got %+v, want the shorter absence to run by the old set alone", got)
	}
}

func TestWhatIfReplacesOneValue(t *testing.T) {
	e := open(t)
	in := input(t, e, map[string]any{"facts/power/on_ac": false})
	then, err := in.WhatIf("facts.power.on_ac", "true")
	if err != nil {
		t.Fatal(err)
	}
	if d := e.Decide(context.Background(), then); d.Verdict != engine.Run {
		t.Errorf("got %+v, want run on AC", d)
	}
	if d := e.Decide(context.Background(), in); d.Verdict != engine.Wait {
		t.Errorf("the original input: got %+v, want it unchanged", d)
	}
	if _, err := in.WhatIf("facts.power.on_ac", "maybe"); err == nil {
		t.Error("got no error for a value that is not JSON")
	}
}

func TestParseInputNamesTheWrongPlace(t *testing.T) {
	e := open(t)
	for _, tt := range []struct{ name, doc string }{
		{"a key twice", `{"action": {"kind": "install", "kind": "scan"}}`},
		{"an unknown section", `{"action": {"kind": "install"}, "fact": {}}`},
		{"null", `{"facts": {"power": {"on_ac": null}}}`},
		{"a string for a boolean", `{"facts": {"power": {"on_ac": "true"}}}`},
		{"not JSON", `{"facts": `},
		{"something behind it", `{} {}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := e.ParseInput([]byte(tt.doc)); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func FuzzParseInput(f *testing.F) {
	f.Add([]byte(`{"facts": {"power": {"on_ac": true}}}`))
	e := open(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := e.ParseInput(data)
		if err == nil {
			e.Decide(context.Background(), in)
		}
	})
}
