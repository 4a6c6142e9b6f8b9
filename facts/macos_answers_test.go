package facts

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// macBattery is what IOPSGetPowerSourceDescription gives for a notebook
// (`pmset -g batt` prints the same), changed by more.
func macBattery(more map[string]any) map[string]any {
	d := map[string]any{
		"Battery Provides Time Remaining": true, "BatteryHealth": "Good", "Current": int64(0), "Current Capacity": int64(80),
		"DesignCycleCount": int64(1000), "Hardware Serial Number": "", "Is Charged": false, "Is Charging": false, "Is Present": true,
		"Max Capacity": int64(100), "Name": "InternalBattery-0", "Power Source ID": int64(1), "Power Source State": "AC Power",
		"Time to Empty": int64(0), "Time to Full Charge": int64(0), "Transport Type": "Internal", "Type": "InternalBattery",
	}
	for k, v := range more {
		d[k] = v
	}
	return d
}

func TestPowerSourcesOfMacs(t *testing.T) {
	const unknown, none = "unknown", "not_applicable"
	for name, c := range map[string]struct {
		sources    []any
		ac, charge any
	}{
		"a Mac mini":                            {nil, true, none},
		"a notebook on mains, charging on hold": {[]any{macBattery(nil)}, true, 80.0},
		"a notebook that charges":               {[]any{macBattery(map[string]any{"Is Charging": true, "Current Capacity": int64(34)})}, true, 34.0},
		"a notebook on battery":                 {[]any{macBattery(map[string]any{"Power Source State": "Battery Power"})}, false, 80.0},
		"a notebook without its battery":        {[]any{macBattery(map[string]any{"Is Present": false})}, true, none},
		"a Mac mini on its UPS's battery":       {[]any{map[string]any{"Type": "UPS", "Power Source State": "Battery Power", "Is Present": true}}, false, none},
		"a Mac mini whose UPS is on mains":      {[]any{map[string]any{"Type": "UPS", "Power Source State": "AC Power", "Is Present": true}}, true, none},
		"a battery that is off line":            {[]any{macBattery(map[string]any{"Power Source State": "Off Line"})}, unknown, 80.0},
		"a battery that says nothing":           {[]any{map[string]any{}}, unknown, unknown},
		"milliampere hours":                     {[]any{macBattery(map[string]any{"Current Capacity": int64(2200), "Max Capacity": int64(4400)})}, true, 50.0},
		"more than full":                        {[]any{macBattery(map[string]any{"Current Capacity": int64(101)})}, true, unknown},
		"no capacity to divide by":              {[]any{macBattery(map[string]any{"Max Capacity": int64(0)})}, true, unknown},
		"numbers that are texts":                {[]any{macBattery(map[string]any{"Max Capacity": "100"})}, true, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			supplies, ok := macSupplies(c.sources)
			if !ok {
				t.Fatal("refused")
			}
			b := oneBatch()
			storePower(b, supplies, fromPowerStatus)
			if ac, charge := b.got(onAC), b.got(batteryPercent); ac != c.ac || charge != c.charge {
				t.Errorf("got on_ac %v, charge %v; want %v, %v", ac, charge, c.ac, c.charge)
			}
		})
	}
	if _, ok := macSupplies([]any{"InternalBattery-0"}); ok {
		t.Error("what is no description is taken for a machine without a battery")
	}
}

func TestIdleTimeOfMacsIsBelievedWithinReason(t *testing.T) {
	for name, c := range map[string]struct {
		property any
		want     time.Duration
		ok       bool
	}{
		"five minutes":           {int64(300_000_000_000), 5 * time.Minute, true},
		"just now":               {int64(0), 0, true},
		"since before boot":      {int64(3 * time.Hour), 0, false},
		"the future":             {int64(-1), 0, false},
		"nothing":                {nil, 0, false},
		"a text":                 {"300000000000", 0, false},
		"data of older releases": {[]byte{0, 0, 0, 0}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := macIdle(c.property, 2*time.Hour)
			if ok != c.ok || ok && got != c.want {
				t.Errorf("got %v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestConsolesOfMacs(t *testing.T) {
	alice := map[string]any{"kCGSSessionUserNameKey": "alice", "kCGSSessionOnConsoleKey": true, "kCGSessionLoginDoneKey": true}
	bob := map[string]any{"kCGSSessionUserNameKey": "bob", "kCGSSessionOnConsoleKey": false, "kCGSessionLoginDoneKey": true}
	window := map[string]any{"kCGSSessionOnConsoleKey": true, "kCGSessionLoginDoneKey": false}
	for name, c := range map[string]struct {
		root                 map[string]any
		users                int64
		locked, lockKnown, k bool
	}{
		"one who works":       {map[string]any{"IOConsoleUsers": []any{alice}, "IOConsoleLocked": false}, 1, false, true, true},
		"two, and it is shut": {map[string]any{"IOConsoleUsers": []any{alice, bob}, "IOConsoleLocked": true}, 2, true, true, true},
		"the login window":    {map[string]any{"IOConsoleUsers": []any{window}, "IOConsoleLocked": true}, 0, true, true, true},
		"nobody":              {map[string]any{"IOConsoleUsers": []any{}}, 0, false, false, true},
		"nothing told":        {map[string]any{}, 0, false, false, false},
		"no registry":         {nil, 0, false, false, false},
		"lock as a number":    {map[string]any{"IOConsoleUsers": []any{alice}, "IOConsoleLocked": int64(1)}, 1, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			users, locked, lockKnown, ok := macConsole(c.root)
			if users != c.users || locked != c.locked || lockKnown != c.lockKnown || ok != c.k {
				t.Errorf("got %d %v %v %v, want %+v", users, locked, lockKnown, ok, c)
			}
		})
	}
}

func TestAssertionsAndDisksOfMacs(t *testing.T) {
	if macDisplayRequired(map[string]any{"PreventUserIdleSystemSleep": int64(1), "PreventUserIdleDisplaySleep": int64(0)}) {
		t.Error("a backup that keeps the machine awake is no reason")
	}
	if !macDisplayRequired(map[string]any{"PreventUserIdleDisplaySleep": int64(2)}) {
		t.Error("a film is")
	}
	for medium, want := range map[any][2]bool{"Rotational": {true, true}, "Solid State": {false, true}, "": {false, false}, 1: {false, false}} {
		if r, ok := macTurns(map[string]any{"Medium Type": medium}); r != want[0] || ok != want[1] {
			t.Errorf("medium %v: got %v %v, want %v", medium, r, ok, want)
		}
	}
	if _, ok := macTurns(nil); ok {
		t.Error("no characteristics, and known")
	}
}

// propertyList is JSON as IOKit would give it: its whole numbers are int64.
func propertyList(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = propertyList(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = propertyList(v[k])
		}
	}
	return v
}

// FuzzMacAnswers lets the registry of IOKit hold anything: nothing panics, and
// what cannot be is no answer.
func FuzzMacAnswers(f *testing.F) {
	seed, err := json.Marshal(map[string]any{"sources": []any{macBattery(nil), macBattery(map[string]any{"Current Capacity": 101})}, "IOConsoleUsers": []any{map[string]any{"kCGSSessionUserNameKey": "alice"}}, "IOConsoleLocked": true, "idle": 5})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"sources": [{"Type": 7, "Power Source State": true}, 4], "IOConsoleUsers": [null], "idle": -1, "PreventUserIdleDisplaySleep": 1}`))
	f.Add([]byte(`{"Medium Type": "Rotational", "idle": 9223372036854775807}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var doc map[string]any
		if d.Decode(&doc) != nil {
			return
		}
		propertyList(doc)
		if idle, ok := macIdle(doc["idle"], time.Hour); ok && (idle < 0 || idle > time.Hour+time.Minute) {
			t.Errorf("idle for %v", idle)
		}
		list, _ := doc["sources"].([]any)
		supplies, ok := macSupplies(list)
		for _, s := range supplies {
			if s.capacity < -1 || s.capacity > 100 {
				t.Errorf("a charge of %d %%", s.capacity)
			}
		}
		if source, _ := decidePower(supplies); ok && source == "ac" && len(supplies) > 0 && supplies[0].kind == "Battery" && supplies[0].status == "Unknown" {
			t.Errorf("on AC, says %v", list)
		}
		users, _, _, ok := macConsole(doc)
		if list, is := doc["IOConsoleUsers"].([]any); ok != is || users > int64(len(list)) {
			t.Errorf("%d users of %v", users, list)
		}
		if turns, ok := macTurns(doc); ok && turns != (doc["Medium Type"] == "Rotational") {
			t.Errorf("turns: %v, of %v", turns, doc["Medium Type"])
		}
		if n, _ := doc["PreventUserIdleDisplaySleep"].(int64); n > 0 && !macDisplayRequired(doc) {
			t.Error("a display that must stay on is passed over")
		}
	})
}
