package facts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// filter turns what a file of a machine says into what a capture of it may
// say; "" is nothing.
type filter func(content string) string

// words keeps what is one of the listed words.
func words(list ...string) filter {
	return func(s string) string {
		if s = strings.TrimSpace(s); slices.Contains(list, s) {
			return s
		}
		return ""
	}
}

// wordsOr makes any other word the given one.
func wordsOr(other string, list ...string) filter {
	return func(s string) string {
		if s = strings.TrimSpace(s); s == "" || slices.Contains(list, s) {
			return s
		}
		return other
	}
}

// matching keeps what a regular expression matches as a whole. It is compiled
// when it is first asked: few runs of lull capture a machine.
func matching(pattern string) filter {
	re := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) })
	return func(s string) string {
		if s = strings.TrimSpace(s); re().MatchString(s) {
			return s
		}
		return ""
	}
}

var (
	wholeNumber  = matching(`-?[0-9]{1,19}`)
	deviceNumber = matching(`[0-9]{1,7}:[0-9]{1,7}`)
	bitmap       = matching(`[0-9a-f]{1,16}( [0-9a-f]{1,16}){0,23}`)
	cpuList      = matching(`[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*`)
	psiLine      = matching(`(some|full) avg10=[0-9]{1,3}\.[0-9]{2} avg60=[0-9]{1,3}\.[0-9]{2} avg300=[0-9]{1,3}\.[0-9]{2} total=[0-9]{1,19}`)
	memoryLine   = matching(`(MemTotal|MemAvailable): +[0-9]{1,15} kB`)
)

// each keeps the lines that a filter keeps.
func each(keep filter) filter {
	return func(s string) string {
		var kept []string
		for l := range strings.Lines(s) {
			if l := keep(l); l != "" {
				kept = append(kept, l)
			}
		}
		return strings.Join(kept, "\n")
	}
}

var (
	psiLines      = each(psiLine)
	memoryLines   = each(memoryLine)
	networkdLines = each(matching(`ONLINE_STATE=(online|partial|offline|unknown)`))
)

// firstNumber keeps the number that a file begins with.
func firstNumber(s string) string {
	v, _, ok := parseDecimal([]byte(s))
	if !ok {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// microphoneState keeps what capturing makes of it.
func microphoneState(s string) string {
	switch running, ok := capturing([]byte(s)); {
	case running:
		return "state: RUNNING"
	case ok:
		return "closed"
	}
	return "unknown"
}

// ifContains says a fixed thing of a file that contains a sign.
func ifContains(sign, say string) filter {
	return func(s string) string {
		if strings.Contains(s, sign) {
			return say
		}
		return ""
	}
}

// contained keeps those of the listed names that a text contains.
func contained(list []string) filter {
	return func(s string) string {
		var found []string
		for _, name := range list {
			if strings.Contains(s, name) {
				found = append(found, name)
			}
		}
		return strings.Join(found, " ")
	}
}

func containerVariable(environ string) string {
	for v := range strings.SplitSeq(environ, "\x00") {
		if name, ok := strings.CutPrefix(v, "container="); ok && name != "" {
			return "container=other"
		}
	}
	return ""
}

// coolingType keeps the kinds of cooling device that are processors.
func coolingType(s string) string {
	switch s = strings.TrimSpace(s); {
	case strings.HasPrefix(s, "Processor"):
		return "Processor"
	case strings.Contains(s, "cpufreq"):
		return "cpufreq-cpu"
	}
	return ""
}

// names replaces names that people give by numbered ones, each always by the
// same.
type names struct {
	given map[string]map[string]string // by what they name
	count map[string]int               // of each stem
}

func newNames() *names { return &names{given: map[string]map[string]string{}, count: map[string]int{}} }

// of returns the replacement of a name, made of stem and a number when it is
// asked for first.
func (n *names) of(class, name, stem string) string {
	if n.given[class] == nil {
		n.given[class] = map[string]string{}
	}
	if n.given[class][name] == "" {
		n.given[class][name] = stem + strconv.Itoa(n.count[stem])
		n.count[stem]++
	}
	return n.given[class][name]
}

// known returns the name itself where the kernel gave it, so that it is
// recognised by its pattern, else a replacement.
func (n *names) known(keep filter, class, name, stem string) string {
	if keep(name) == name && name != "" {
		return name
	}
	return n.of(class, name, stem)
}

var (
	blockName     = matching(`((sd|hd|vd|xvd)[a-z]{1,3}[0-9]{0,3}|nvme[0-9]{1,3}n[0-9]{1,3}(p[0-9]{1,3})?|mmcblk[0-9]{1,2}((boot|p)[0-9]{1,3})?|(dm-|md|loop|zram|ram|sr|pmem|mtdblock|bcache|nbd|rbd|zd)[0-9]{1,4}(p[0-9]{1,3})?)`)
	connectorName = matching(`card[0-9]{1,2}-(eDP|DP|HDMI-A|HDMI-B|DVI-I|DVI-D|DVI-A|VGA|LVDS|DSI|Virtual|USB|TV|Composite|SVIDEO|DPI|SPI|Writeback|Unknown)-[0-9]{1,3}`)
	sessionName   = matching(`c?[0-9]{1,6}`)
	seatName      = matching(`seat0`)
	terminalName  = matching(`/dev/(pts/[0-9]{1,6}|(tty|ttyS|ttyAMA|ttyUSB|ttyACM|hvc)[0-9]{1,3})`)
)

func (n *names) block(name string) string { return n.known(blockName, "block", name, "block") }

func (n *names) session(id string) string { return n.known(sessionName, "session", id, "s") }

// user numbers users from 1000.
func (n *names) user(uid uint32) uint32 {
	number, _ := strconv.Atoi(n.of("user", strconv.Itoa(int(uid)), ""))
	return uint32(1000 + number)
}

func (n *names) connector(name string) string {
	return n.known(connectorName, "connector", name, "card9-Unknown-")
}

// pathWords are the directories that every machine has.
var pathWords = []string{
	"bin", "boot", "by-id", "by-label", "by-path", "by-uuid", "cache", "cgroup", "data", "dev", "disk", "efi", "etc", "export", "fs", "home", "hugepages",
	"lib", "local", "log", "mapper", "media", "mnt", "mqueue", "opt", "proc", "pts", "root", "run", "sbin", "shm", "snap", "srv", "sys", "tmp", "upper", "usr", "user", "var",
}

// path replaces the elements of a path but for those that every machine has.
func (n *names) path(p string) string {
	elements := strings.Split(strings.Trim(p, "/"), "/")
	for i, e := range elements {
		if !slices.Contains(pathWords, e) && e != "" {
			elements[i] = n.of("path", e, "d")
		}
	}
	return "/" + strings.Join(elements, "/")
}

// node replaces the path of a device, "none" for what is not one.
func (n *names) node(p string) string {
	if mapped, ok := strings.CutPrefix(p, "/dev/mapper/"); ok {
		return "/dev/mapper/" + n.mapping(mapped)
	}
	if name, ok := strings.CutPrefix(p, "/dev/"); ok && !strings.Contains(name, "/") {
		return "/dev/" + n.block(name)
	}
	if hasPrefix(p, "/dev/") {
		return n.path(p)
	}
	return "none"
}

func (n *names) mapping(name string) string { return n.of("mapping", name, "map") }

// knownPrograms hold inhibitors on many machines; of others the name is not
// told, as programs name documents and people in it.
var knownPrograms = []string{
	ownName, "apt", "dnf", "dpkg", "gdm", "gnome-session", "gnome-settings-daemon", "GNOME Shell", "KDE", "ModemManager", "NetworkManager", "PackageKit",
	"PowerDevil", "Realtime Kit", "rpm", "UPower", "Unattended Upgrades Shutdown", "xfce4-power-manager", "xfce4-screensaver",
}

func (n *names) program(name string) string {
	if slices.Contains(knownPrograms, name) {
		return name
	}
	return n.of("program", name, "program ")
}
