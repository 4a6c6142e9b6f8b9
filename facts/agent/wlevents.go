package agent

import (
	"errors"
	"time"
)

// follow handles the compositor's events until the connection ends.
func (w *wayland) follow() {
	defer close(w.gone)
	defer w.conn.Close()
	var data []byte
	buf := make([]byte, 4096)
	for {
		n, err := w.conn.Read(buf)
		if err != nil {
			return
		}
		data = append(data, buf[:n]...)
		for {
			m, rest, ok, err := nextWL(data)
			if err != nil || ok && w.event(m) != nil {
				return
			}
			if data = rest; !ok {
				break
			}
		}
	}
}

// event handles one event. Those of objects that lull has dropped, and those
// that do not matter, such as a seat's capabilities, are passed over.
func (w *wayland) event(m wlMessage) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case m.object == wlDisplay:
		return w.displayEvent(m)
	case m.object == wlRegistry:
		return w.registryEvent(m)
	case w.syncs[m.object] != nil:
		close(w.syncs[m.object])
		delete(w.syncs, m.object)
	case w.notes[m.object] != nil:
		w.noteEvent(w.notes[m.object], m.opcode)
	}
	return nil
}

func (w *wayland) displayEvent(m wlMessage) error {
	if m.opcode == displayError {
		return errors.New("the compositor refuses a request")
	}
	id, err := m.uint()
	if m.opcode == displayDeleteID && err == nil && id > wlRegistry && id <= w.last {
		w.ids = append(w.ids, id)
	}
	return err
}

func (w *wayland) registryEvent(m wlMessage) error {
	name, err := m.uint()
	if err != nil || m.opcode == registryRemove {
		w.removed(name)
		return err
	}
	iface, err := m.string()
	if err != nil {
		return err
	}
	version, err := m.uint()
	if err != nil {
		return err
	}
	switch {
	case iface == seatInterface:
		w.globals[name] = iface
		w.seats[name] = w.bind(name, iface, 1)
		if w.notifier != 0 {
			w.notify(name, w.away, nil)
		}
	case iface == notifierInterface && w.notifier == 0:
		w.globals[name] = iface
		w.version = min(version, 2)
		w.notifier = w.bind(name, iface, w.version)
		for seat := range w.seats {
			w.notify(seat, w.away, nil)
		}
	}
	return nil
}

// removed forgets a seat that was unplugged. Without the notifier nothing can
// be told any more: that ends the connection.
func (w *wayland) removed(name uint32) {
	switch w.globals[name] {
	case notifierInterface:
		w.conn.Close()
	case seatInterface:
		for id, n := range w.notes {
			if n.seat == name {
				delete(w.notes, id)
				w.send(id, noteDestroy)
			}
		}
		delete(w.seats, name)
		w.left = time.Now()
	}
	delete(w.globals, name)
}

func (w *wayland) noteEvent(n *note, opcode uint16) {
	switch {
	case n.probe != nil && opcode == noteIdled:
		if n.idled.IsZero() {
			close(n.probe)
		}
		n.idled = time.Now()
	case opcode == noteIdled && n.idled.IsZero():
		n.idled = time.Now()
	case opcode == noteResumed:
		n.idled = time.Time{}
		if n.probe == nil {
			w.announce()
		}
	}
}
