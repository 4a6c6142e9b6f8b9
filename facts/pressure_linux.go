package facts

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// pressureCollector reads PSI (Documentation/accounting/psi.rst), of the
// user's slice where there is one: it measures the stalls that the user's
// programs suffer, whoever causes them.
type pressureCollector struct {
	root  *root
	once  sync.Once
	found [3]psiFile
}

type psiFile struct {
	slicePath      string
	slice, machine *kept
	some, full     fact
	missing        time.Duration // boot time when the slice was last looked for in vain; 0 = it is there
}

func newPressure(r *root) *pressureCollector { return &pressureCollector{root: r} }

// files finds out, when pressure is first wanted, where the users' slice is.
func (p *pressureCollector) files() []psiFile {
	p.once.Do(func() {
		slice := userSlice(p.root)
		file := func(name string, some, full fact) psiFile {
			dir := slice + "/" + name + ".pressure"
			return psiFile{slicePath: dir, slice: p.root.keep(dir, 256), machine: p.root.keep("/proc/pressure/"+name, 256), some: some, full: full}
		}
		p.found = [3]psiFile{file("cpu", cpuSome, cpuFull), file("io", ioSome, ioFull), file("memory", memorySome, memoryFull)}
	})
	return p.found[:]
}

// userSlice is the cgroup v2 directory of all users' sessions.
func userSlice(r *root) string {
	if r.exists("/sys/fs/cgroup/unified/cgroup.procs") {
		return "/sys/fs/cgroup/unified/user.slice"
	}
	return "/sys/fs/cgroup/user.slice"
}

func (*pressureCollector) facts() []fact { return pressureFacts }

var pressureFacts = []fact{cpuSome, cpuFull, ioSome, ioFull, memorySome, memoryFull}

var (
	fromUserPSI = &origin{"psi of user.slice", good}
	fromPSI     = &origin{"psi", good}
)

func (p *pressureCollector) collect(_ context.Context, b *batch) {
	for i := range p.files() {
		if f := &p.found[i]; b.wantsAny(f.some, f.full) {
			f.collect(b)
		}
	}
}

func (f *psiFile) collect(b *batch) {
	from, data, err := fromUserPSI, []byte(nil), errEmpty
	if f.missing == 0 || b.now.boot-f.missing >= lookAgain { // at boot it may come later than lull
		if data, err = f.slice.read(); err == nil {
			f.missing = 0
		} else {
			f.missing = b.now.boot
		}
	}
	if err != nil {
		from = fromPSI
		data, err = f.machine.read()
	}
	if err != nil {
		b.unknownAll(whyNot(f.machine.path, err), f.some, f.full)
		return
	}
	some, ok := parsePSI(data, "some")
	psiStore(b, f.some, some, ok, from)
	full, ok := parsePSI(data, "full")
	psiStore(b, f.full, full, ok, from)
}

func psiStore(b *batch, f fact, percent float64, ok bool, from *origin) {
	if !ok {
		b.unknown(f, "the kernel's pressure file has no such line")
		return
	}
	b.number(f, percent/100, from)
}

// parsePSI returns the avg10 percentage of the line that starts with kind.
func parsePSI(data []byte, kind string) (percent float64, ok bool) {
	for len(data) > 0 {
		var l []byte
		l, data = line(data)
		if len(l) < len(kind)+7 || string(l[:len(kind)]) != kind || !bytes.HasPrefix(l[len(kind):], avg10) {
			continue
		}
		percent, rest, ok := parseDecimal(l[len(kind)+len(avg10):])
		return percent, ok && percent <= 100 && (len(rest) == 0 || rest[0] == ' ')
	}
	return 0, false
}

var avg10 = []byte(" avg10=")

func (p *pressureCollector) close() error {
	for _, f := range p.found {
		if f.machine == nil {
			continue // never wanted
		}
		if f.slice != nil {
			f.slice.close()
		}
		f.machine.close()
	}
	return nil
}
