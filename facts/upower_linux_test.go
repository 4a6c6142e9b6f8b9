package facts

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// An uninterruptible supply that only UPower knows of is told by an event when
// the mains fail and when they are back.
func TestAnUninterruptibleSupplyOfUPowerIsToldAndRead(t *testing.T) {
	const (
		ups  = "/org/freedesktop/UPower/devices/ups_hiddev0"
		mock = "org.freedesktop.DBus.Mock."
	)
	bus := newTestBus(t)
	daemon := bus.Mock("upower", upowerName)
	b := newBus(&root{}, &Options{SystemBus: bus.Addr, Deadline: 100 * time.Millisecond})
	if all, err := b.supplies(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("without any: got %v (%v), want none", all, err)
	}
	_ = b.close()
	g, err := New(Options{SystemBus: bus.Addr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	want := Wanted([]string{"facts.power.source", "facts.power.on_ac"})
	changes := g.Watch(ctx, want)
	t.Cleanup(func() {
		cancel()
		for range changes {
		}
		g.Close()
	})
	look := func() (source, onAC Value) {
		s := g.Snapshot(ctx, want, Target{})
		return s.Get("power.source"), s.Get("power.on_ac")
	}
	if source, _ := look(); source.V == "battery" {
		t.Skip("this machine has a battery: its charger's supply does not matter")
	}
	told := func(what string) {
		t.Helper()
		select {
		case <-changes:
		case <-time.After(20 * time.Second):
			source, onAC := look()
			t.Fatalf("%s: nobody was told; got %v, on AC %v (%s)", what, source.V, onAC.V, onAC.Why)
		}
	}
	time.Sleep(100 * time.Millisecond)
	bus.Call(upowerName, upowerPath, mock+"AddObject", ups, upowerDevice, map[string]dbus.Variant{
		"Type": dbus.MakeVariant(uint32(upowerUPS)), "PowerSupply": dbus.MakeVariant(true), "State": dbus.MakeVariant(uint32(4)),
	}, [][4]string{})
	bus.Call(upowerName, upowerPath, mock+"EmitSignal", upowerName, "DeviceAdded", "o", []dbus.Variant{dbus.MakeVariant(dbus.ObjectPath(ups))})
	told("it was plugged in")
	for _, c := range []struct {
		name   string
		state  uint32
		source any
		onAC   any
	}{
		{"the mains fail", upowerDischarging, "ups", false},
		{"they are back", 1, "ac", true},
		{"it ran empty", upowerEmpty, "ups", false},
		{"it does not say", 0, nil, nil},
		{"it is full", 4, "ac", true},
	} {
		look() // what asks anew hears of the next change
		time.Sleep(50 * time.Millisecond)
		bus.Set(upowerName, ups, upowerDevice, map[string]any{"State": c.state})
		for {
			told(c.name)
			if source, onAC := look(); source.V == c.source && onAC.V == c.onAC {
				break // an event of the step before may come late
			}
		}
	}
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // it is asked once a second whether it is there
	if source, _ := look(); source.State != Unknown {
		t.Errorf("UPower hangs: got %v, want unknown", source.V)
	}
}

func TestAPowerDeviceThatDoesNotSayWhatItIsIsAnError(t *testing.T) {
	v := func(n uint32) dbus.Variant { return dbus.MakeVariant(n) }
	yes := dbus.MakeVariant(true)
	for _, c := range []struct {
		name     string
		p        props
		ok, fail bool
	}{
		{"nothing", props{}, false, true},
		{"a battery", props{"Type": v(2), "PowerSupply": yes, "State": v(2)}, false, false},
		{"a mouse's supply", props{"Type": v(3), "PowerSupply": dbus.MakeVariant(false), "State": v(2)}, false, false},
		{"one without a state", props{"Type": v(3), "PowerSupply": yes}, false, true},
		{"one that discharges", props{"Type": v(3), "PowerSupply": yes, "State": v(2)}, true, false},
	} {
		if _, ok, err := upsOf("/ups", c.p); ok != c.ok || (err != nil) != c.fail {
			t.Errorf("%s: got %v (%v), want %v, error %v", c.name, ok, err, c.ok, c.fail)
		}
	}
}
