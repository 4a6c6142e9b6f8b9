package facts

// What macOS answers, as the property lists that IOKit gives, and what facts
// they come to. It is built on every platform, so that it is tested on every
// one; the files *_darwin.go ask. The shapes are those that `ioreg -a` and
// `pmset -g` print: dictionaries are map[string]any, arrays []any, numbers
// int64.

import "time"

// macIdle reads HIDIdleTime, the nanoseconds since the last input of any
// device of the machine. It stands still in sleep, so it is never too long.
func macIdle(property any, up time.Duration) (idle time.Duration, ok bool) {
	ns, ok := property.(int64)
	idle = time.Duration(ns)
	return idle, ok && idle >= 0 && idle <= up+time.Minute
}

// macSupplies puts the descriptions of power sources (IOPSKeys.h) in the terms
// of decidePower. ok is false when one is no description.
func macSupplies(sources []any) (all []supply, ok bool) {
	for _, source := range sources {
		d, ok := source.(map[string]any)
		if !ok {
			return nil, false
		}
		if present, told := d["Is Present"].(bool); told && !present {
			continue // a bay without its battery
		}
		s := supply{kind: "Battery", status: "Unknown", online: -1, capacity: macCharge(d)}
		s.name, _ = d["Name"].(string)
		if kind, _ := d["Type"].(string); kind == "UPS" {
			s.kind = "UPS"
		}
		charging, _ := d["Is Charging"].(bool)
		switch state, _ := d["Power Source State"].(string); {
		case state == "Battery Power":
			s.status = "Discharging"
		case state == "AC Power" && charging:
			s.status = "Charging"
		case state == "AC Power":
			s.status = "Not charging"
		}
		all = append(all, s)
	}
	return all, true
}

// macCharge is the charge in percent, -1 when it is not told.
func macCharge(d map[string]any) int {
	now, ok1 := d["Current Capacity"].(int64)
	full, ok2 := d["Max Capacity"].(int64)
	if !ok1 || !ok2 || full <= 0 || now < 0 || now > full {
		return -1
	}
	return int(float64(now) / float64(full) * 100)
}

// macConsole reads IOConsoleUsers and IOConsoleLocked of the registry's root:
// how many people have a graphical session, and whether it is locked. ok tells
// whether the root has the list at all; it is an empty one when nobody is
// logged in.
func macConsole(root map[string]any) (users int64, locked, lockKnown, ok bool) {
	list, ok := root["IOConsoleUsers"].([]any)
	for _, u := range list {
		d, _ := u.(map[string]any)
		if done, told := d["kCGSessionLoginDoneKey"].(bool); !told || done {
			users++
		}
	}
	locked, lockKnown = root["IOConsoleLocked"].(bool)
	return users, locked, lockKnown, ok
}

// macDisplayRequired reads what IOPMCopyAssertionsStatus gives: how many
// programs keep the display on.
func macDisplayRequired(assertions map[string]any) bool {
	for _, name := range []string{"PreventUserIdleDisplaySleep", "NoDisplaySleepAssertion"} {
		if n, _ := assertions[name].(int64); n > 0 {
			return true
		}
	}
	return false
}

// macTurns reads the medium type of a disk's device characteristics.
func macTurns(characteristics any) (rotating, ok bool) {
	d, _ := characteristics.(map[string]any)
	switch d["Medium Type"] {
	case "Rotational":
		return true, true
	case "Solid State":
		return false, true
	}
	return false, false
}
