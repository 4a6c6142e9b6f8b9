package facts

import "context"

// sharedCloser closes with the collectors what they share.
type sharedCloser struct {
	bus     *bus
	changes *changes
}

func (sharedCloser) facts() []fact                   { return nil }
func (sharedCloser) collect(context.Context, *batch) {}
func (c sharedCloser) close() error {
	c.changes.close()
	return c.bus.close()
}
