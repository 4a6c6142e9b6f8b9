// Package execute runs updater programs: confined, gently, and so that their end
// is known even when the daemon did not live to see it.
package execute
