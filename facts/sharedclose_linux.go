package facts

import "context"

// sharedCloser stands for what the collectors share: it closes it with them, and
// tells whether anything has happened.
type sharedCloser struct {
	bus     *bus
	changes *changes
}

func (sharedCloser) facts() []fact                   { return nil }
func (sharedCloser) collect(context.Context, *batch) {}

// stamp is the same for as long as neither the kernel nor a service on the bus has
// told of anything; 0 when one of the services has to be asked.
func (c sharedCloser) stamp(now instant) uint64 {
	told := c.bus.version(now.awake)
	if told == 0 {
		return 0
	}
	return told + c.changes.lookAt(now.boot)
}

func (c sharedCloser) close() error {
	c.changes.close()
	return c.bus.close()
}
