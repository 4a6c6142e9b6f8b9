package facts

import (
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// KDGETMODE asks a virtual terminal whether it shows text or graphics
// (ioctl_console(2)); every display server sets the latter, or has it set.
const (
	kdGetMode  = 0x4B3B
	kdGraphics = 1
)

// withGraphics marks the sessions that logind calls by their terminal and that
// show graphics all the same: somebody logged in there and ran startx or a
// compositor. Nobody tells when a terminal's mode changes, so it is looked up
// each time. l is shared, and is copied if need be.
func (p *presenceCollector) withGraphics(l *logindState) *logindState {
	if l == nil || p.root.captured != nil {
		return l
	}
	marked := l
	for i, s := range l.Sessions {
		if !s.onTerminal() {
			continue
		}
		graphics, err := showsGraphics(p.root, s.vt)
		if !graphics && err == nil {
			continue
		}
		if marked == l {
			copied := *l
			copied.Sessions = slices.Clone(l.Sessions)
			marked = &copied
		}
		marked.Sessions[i].Graphics = graphics
		if err != nil {
			marked.Sessions[i].hidden = err.Error()
		}
	}
	return marked
}

// onTerminal reports whether a person's session may show graphics though logind
// calls it by its terminal.
func (s session) onTerminal() bool {
	return s.vt != 0 && (s.Kind == "tty" || s.Kind == "unspecified") && !s.Remote && s.person()
}

// showsGraphics only opens the terminal, which is no use of it.
func showsGraphics(r *root, vt uint32) (bool, error) {
	node := "/dev/tty" + strconv.Itoa(int(vt))
	fd, err := r.open(node, unix.O_RDONLY)
	if err != nil {
		return false, fmt.Errorf("whether %s shows graphics is not known: %w", node, err)
	}
	defer unix.Close(fd)
	mode, err := unix.IoctlGetUint32(fd, kdGetMode)
	if err != nil {
		return false, fmt.Errorf("whether %s shows graphics is not known: %w", node, err)
	}
	return mode == kdGraphics, nil
}
