package facts

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// plant writes files below a fake root.
func plant(t *testing.T, files map[string]string) *root {
	t.Helper()
	dir := t.TempDir()
	files[capturedFile] = "{}"
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := newRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A bond, a bridge or a VLAN is what carries it. Taking one for a wire because it
// looks like Ethernet would spend somebody's mobile data.
func TestALinkIsNoBetterThanWhatCarriesIt(t *testing.T) {
	const net = "sys/class/net/"
	r := plant(t, map[string]string{
		net + "eth0/type": "1\n", net + "eth1/type": "1\n",
		net + "wlan0/type": "1\n", net + "wlan0/uevent": "DEVTYPE=wlan\n",
		net + "bond0/type": "1\n", net + "bond0/uevent": "DEVTYPE=bond\n", net + "bond0/lower_eth0/x": "", net + "bond0/lower_wlan0/x": "",
		net + "bond1/type": "1\n", net + "bond1/lower_eth0/x": "", net + "bond1/lower_eth1/x": "",
		net + "br0/type": "1\n", net + "br0/uevent": "DEVTYPE=bridge\n", net + "br0/lower_wlan0/x": "",
		net + "br1/type": "1\n", net + "br1/uevent": "DEVTYPE=bridge\n",
		net + "vlan5/type": "1\n", net + "vlan5/lower_bond0/x": "",
		net + "loop0/type": "1\n", net + "loop0/lower_loop0/x": "",
	})
	for device, want := range map[string]string{
		"eth0": "wired", "wlan0": "wireless", "bond0": "other", "bond1": "wired", "br0": "wireless", "br1": "other", "vlan5": "other", "loop0": "other",
	} {
		if got := linkKind(r, device); got != want {
			t.Errorf("%s: got %s, want %s", device, got, want)
		}
	}
}

// One device of an array says nothing about the others.
func TestABtrfsWhoseDevicesAreNotListedHasUnknownDisks(t *testing.T) {
	r := plant(t, map[string]string{
		"sys/class/block/sda/queue/rotational": "0\n", "sys/fs/btrfs/1234/devices/sdb": "",
	})
	disks, err := (&resolver{root: r}).btrfsDisks(mount{kind: "btrfs", source: "/dev/sda"}, 4)
	if err == nil {
		t.Errorf("got %v, want an error", disks)
	}
}

// A record that a full disk tore is taken back, and what it said is said again.
func TestAFullDiskDoesNotTearTheRecordAfterIt(t *testing.T) {
	dir := t.TempDir()
	rec, err := OpenRecorder(dir)
	if err != nil {
		t.Fatal(err)
	}
	whole := rec.file
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	rec.file = full
	if err := rec.Add(snapshotOf(true)); err == nil {
		t.Fatal("a full disk was not noticed")
	}
	rec.file = whole
	if err := errors.Join(full.Close(), rec.Add(snapshotOf(true)), rec.Close()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range ReadRecords(dir, time.Time{}) {
		if n++; r.Facts["power.on_ac"] != true {
			t.Errorf("got %v", r.Facts)
		}
	}
	if n != 1 {
		t.Errorf("got %d records, want the one that could be written", n)
	}
}

func snapshotOf(ac bool) Snapshot {
	return snapshotOfCells(time.Now(), map[fact]cell{onAC: {uint64(one(ac)), note{origin: &origin{source: "test"}, state: cellKnown}}})
}
