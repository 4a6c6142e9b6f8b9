// Package facts knows what is true of this machine now, and tells when it changes.
package facts
