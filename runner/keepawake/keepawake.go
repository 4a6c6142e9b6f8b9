// Package keepawake holds the machine awake while an action with that obligation
// runs. The caller holds only on AC power and releases at once on unplugging.
package keepawake

import "context"

// Hold keeps the machine from going to sleep until release is called (which may
// happen more than once) or the process ends. An error means that nothing is held.
func Hold(ctx context.Context, why string) (release func(), err error) {
	return hold(ctx, why)
}
