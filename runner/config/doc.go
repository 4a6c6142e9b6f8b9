// Package config says where lull's files are, reads the administrator's
// config.yaml and takes the lock that makes a daemon the only one of its root.
package config
