package watch

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// Bounds of a fingerprint. Larger files (payloads of updaters) count by size
// and time; whoever acts on them hashes them anyway. A tree of more entries is
// no configuration: its rest is left to events.
const (
	maxContent = 1 << 20
	maxEntries = 20_000
)

type print [sha256.Size]byte

// fingerprint digests what is below the directories: names, kinds, where links
// lead, and contents. The time of a file is not enough: a mapping or a coarse
// clock changes bytes and leaves it.
func fingerprint(dirs []string) (sum print) {
	p := &printer{h: sha256.New()}
	for _, dir := range dirs {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			p.file(dir)
			continue
		}
		p.tree(dir)
	}
	p.h.Sum(sum[:0])
	return sum
}

type printer struct {
	h       hash.Hash
	entries int
}

func (p *printer) say(format string, args ...any) { fmt.Fprintf(p.h, format+"\n", args...) }

func (p *printer) tree(dir string) {
	list, err := os.ReadDir(dir)
	p.say("dir %q %d %v", dir, len(list), err != nil)
	for _, e := range list {
		if p.entries++; p.entries > maxEntries {
			return
		}
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			p.tree(path)
		case e.Type()&os.ModeSymlink != 0:
			p.link(path)
		default:
			p.file(path)
		}
	}
}

// link digests where a link leads and, as the watch itself does, one level of
// what is there: a link may lead to all of the machine.
func (p *printer) link(path string) {
	real, err := filepath.EvalSymlinks(path)
	p.say("link %q %q %v", path, real, err != nil)
	if err != nil {
		return
	}
	list, err := os.ReadDir(real)
	if err != nil {
		p.file(real)
		return
	}
	for _, e := range list {
		if p.entries++; p.entries > maxEntries {
			return
		}
		p.file(filepath.Join(real, e.Name()))
	}
}

func (p *printer) file(path string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		p.say("other %q %v", path, err != nil)
		return
	}
	p.say("file %q %v %d", path, info.Mode(), info.Size())
	if info.Size() > maxContent {
		p.say("since %d", info.ModTime().UnixNano())
		return
	}
	f, err := os.Open(path)
	if err != nil {
		p.say("unreadable")
		return
	}
	defer f.Close()
	n, err := io.Copy(p.h, io.LimitReader(f, maxContent))
	p.say("end %d %v", n, err != nil)
}
