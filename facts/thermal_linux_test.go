package facts

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	zone   = "sys/class/thermal/thermal_zone0/"
	cooler = "sys/class/thermal/cooling_device0/"
	cpus   = "sys/devices/system/cpu/online"
	cpu0   = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
)

// zoned is a zone that would slow the processor down at 95 °C; the fan starts
// earlier, and one trip point was left out by the firmware.
func zoned(temp string) map[string]string {
	return map[string]string{zone + "temp": temp,
		zone + "trip_point_0_type": "critical", zone + "trip_point_0_temp": "105000",
		zone + "trip_point_1_type": "active", zone + "trip_point_1_temp": "50000",
		zone + "trip_point_2_type": "passive", zone + "trip_point_2_temp": "95000",
		zone + "trip_point_3_type": "hot", zone + "trip_point_3_temp": "-274000"}
}

func with(files map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

func TestHeatIsToldByWhatTheMachineHas(t *testing.T) {
	idle := map[string]string{cooler + "type": "Processor", cooler + "cur_state": "0"}
	for _, c := range []struct {
		name  string
		files map[string]string
		state cellState
		bits  uint64
		later map[string]string // written before the second look, whose answer counts
	}{
		{"nothing measures heat", map[string]string{cpus: "0-1"}, cellNotApplicable, 0, nil},
		{"no sysfs to look into", map[string]string{"proc/uptime": "1 1"}, cellUnknown, 0, nil},
		{"a warm zone below the point where it acts", zoned("60000"), cellKnown, 0, nil},
		{"a zone at the point where it acts", zoned("95000"), cellKnown, 1, nil},
		{"a frozen sensor outdoors", zoned("-5000"), cellKnown, 0, nil},
		{"a zone without a point where it acts says nothing", map[string]string{cpus: "0-1", zone + "temp": "99000"}, cellNotApplicable, 0, nil},
		{"an idle fan and a processor that is not held back", idle, cellKnown, 0, nil},
		{"a processor that the kernel holds back", map[string]string{cooler + "type": "Processor", cooler + "cur_state": "3"}, cellKnown, 1, nil},
		{"a fan at full speed is no processor", map[string]string{cpus: "0-1", cooler + "type": "Fan", cooler + "cur_state": "9"}, cellNotApplicable, 0, nil},
		{"one zone is hot although the counter stands still", with(zoned("96000"), cpu0, "7"), cellKnown, 1, nil},
		{"a counter that stands still", map[string]string{cpu0: "7"}, cellKnown, 0, map[string]string{cpu0: "7"}},
		{"a counter that grows", map[string]string{cpu0: "7"}, cellKnown, 1, map[string]string{cpu0: "8"}},
		{"a zone that turns to garbage is not calm", zoned("60000"), cellUnknown, 0, map[string]string{zone + "temp": "warm"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := plant(t, c.files)
			heat := &thermalCollector{root: r}
			defer heat.close()
			boot := time.Hour
			look := func() cell {
				b := newBatch(instant{boot: boot})
				b.want[throttled] = true
				heat.collect(context.Background(), b)
				boot += time.Second
				return b.cell(throttled)
			}
			got := look()
			if c.later != nil {
				for name, text := range c.later {
					if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text+"\n"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				got = look()
			}
			if got.state != c.state || got.state == cellKnown && got.bits != c.bits {
				t.Errorf("got state %d, value %d (%s), want state %d, value %d", got.state, got.bits, got.text, c.state, c.bits)
			}
			if got.state != cellKnown && got.text == "" {
				t.Error("no reason given")
			}
		})
	}
}

// Drivers of sensors are loaded while the machine boots, and so is lull.
func TestASensorThatComesLateIsFound(t *testing.T) {
	r := plant(t, map[string]string{cpus: "0-1"})
	heat := &thermalCollector{root: r}
	defer heat.close()
	look := func(boot time.Duration) cell {
		b := newBatch(instant{boot: boot})
		b.want[throttled] = true
		heat.collect(context.Background(), b)
		return b.cell(throttled)
	}
	if got := look(10 * time.Second); got.state != cellNotApplicable {
		t.Fatalf("before: got state %d", got.state)
	}
	for name, text := range zoned("99000") {
		file := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := look(2 * time.Minute); got.state != cellKnown || got.bits != 1 {
		t.Errorf("after: got state %d, value %d (%s), want a hot machine", got.state, got.bits, got.text)
	}
}
