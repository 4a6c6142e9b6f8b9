// Package config says where lull's files are, reads the administrator's
// config.yaml and takes the lock that makes a daemon the only one of its root.
//
// # Paths
//
// Three layers, a later one wins: /usr/lib/lull for the distribution, /run/lull
// for this boot, /etc/lull for the administrator. Each may hold config.yaml and
// the directories policies, vendors.d, roots.d and updaters. /var/lib/lull is
// the state; /run/lull also holds the control socket and facts.d. With --root
// DIR all of it lies below DIR: DIR/etc/lull, DIR/var/lib/lull and so on.
// Without, systemd's CONFIGURATION_DIRECTORY, STATE_DIRECTORY and
// RUNTIME_DIRECTORY replace /etc/lull, /var/lib/lull and /run/lull.
//
// # config.yaml
//
// Strict YAML; see [Keys]. A key that is unknown, set twice or of the wrong
// type is an error that names file, line and the nearest key.
//
//	proxy: "http://cache.example.org:3128"   # http_proxy, https_proxy of updaters
//	no_proxy: "localhost,.example.org"
//	ca_file: /etc/ssl/example.pem            # SSL_CERT_FILE of updaters
//	language: en_US.UTF-8                    # LANG of updaters, default C.UTF-8
//	log_level: info                          # debug, info, warn, error
//	keep_awake: true                         # false: never hold a sleep inhibitor
//
// The daemon follows edits while it runs: each key holds from the next use on, so
// none needs a restart, and an action that runs keeps the environment it was
// started with. An edit with a mistake is refused as a whole; lull status names
// file and line, and the configuration before it stays in force. A daemon that
// starts on one does not start.
//
// When an action may run is not configured here but decided by the policies.
package config
