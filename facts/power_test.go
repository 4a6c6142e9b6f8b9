package facts

import "testing"

func TestPowerSourceOfMachinesThatOthersGotWrong(t *testing.T) {
	battery := func(status string) supply { return supply{kind: "Battery", status: status, online: -1, capacity: 50} }
	mains := func(online int) supply { return supply{kind: "Mains", online: online, capacity: -1} }
	usb := func(online int) supply { return supply{kind: "USB", online: online, capacity: -1} }
	for name, c := range map[string]struct {
		supplies []supply
		want     string
	}{
		"a desktop without any supply is on AC":                            {nil, "ac"},
		"a desktop with an offline USB-C port of its GPU (systemd #21988)": {[]supply{usb(0)}, "ac"},
		"a laptop on mains":                                                   {[]supply{mains(1), battery("Charging")}, "ac"},
		"a laptop on battery":                                                 {[]supply{mains(0), battery("Discharging")}, "battery"},
		"a charger too weak to charge (fwupd #3386)":                          {[]supply{mains(1), battery("Discharging")}, "battery"},
		"a USB-C charger the kernel does not see (systemd #25316, T14)":       {[]supply{mains(0), usb(0), battery("Charging")}, "ac"},
		"a programmable supply says 2, and the battery nothing":               {[]supply{usb(2), battery("Unknown")}, "ac"},
		"a full battery and no adapter that says online":                      {[]supply{mains(0), battery("Not charging")}, "ac"},
		"a MacBook battery charger that is always online (TLP #283)":          {[]supply{usb(1), battery("Discharging")}, "battery"},
		"a dual-role port that feeds a phone is no source (omarchy #6035)":    {[]supply{{kind: "USB", status: "Discharging", online: 1}, battery("Discharging")}, "battery"},
		"a mouse's battery is not the machine's":                              {[]supply{{kind: "Battery", scope: "Device", status: "Discharging"}}, "ac"},
		"one of two batteries discharges":                                     {[]supply{mains(0), battery("Discharging"), battery("Unknown")}, "battery"},
		"a battery that says nothing and no adapter online is unknown":        {[]supply{mains(0), battery("Unknown")}, ""},
		"no battery and an offline mains adapter contradict each other":       {[]supply{mains(0)}, ""},
		"an uninterruptible supply that discharges":                           {[]supply{{kind: "UPS", status: "Discharging"}}, "ups"},
		"garbage in every file is not taken for a system battery's discharge": {[]supply{{kind: "Battery", status: "\xff\x00"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := decidePower(c.supplies)
			if got != c.want || (got == "") != (why != "") {
				t.Errorf("got %q (%s), want %q", got, why, c.want)
			}
		})
	}
}

func TestBatteryChargeIsWeighedBySize(t *testing.T) {
	big, small := supply{kind: "Battery", capacity: 20, energy: 75}, supply{kind: "Battery", capacity: 100, energy: 25}
	if got, n := batteryCharge([]supply{big, small}); got != 40 || n != 2 {
		t.Errorf("got %v of %d batteries, want 40 of 2", got, n)
	}
	big.energy = 0
	if got, _ := batteryCharge([]supply{big, small}); got != 60 {
		t.Errorf("sizes unknown: got %v, want the mean 60", got)
	}
	small.capacity = -1
	if got, _ := batteryCharge([]supply{big, small}); got != -1 {
		t.Errorf("a silent battery: got %v, want unknown (-1)", got)
	}
}
