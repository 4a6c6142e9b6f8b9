// Package journal keeps the append-only record that is both lull's state and
// its audit log.
//
// A journal is a directory with one file, journal.jsonl, of JSON objects, one
// a line:
//
//	{"seq":1,"time":"2026-11-23T10:00:00Z","boot":"…","kind":"registered","prev":"…","body":{…}}
//
// prev is the SHA-256, in hex, of the line before without its newline; the
// first line's is 64 zeros. Append returns when the record is durable: one
// write and one flush.
//
// A last line without its newline was never acknowledged; it is dropped when
// the journal is opened, and a recovered record says so. Any other damage is
// named by line and byte; all before it is used, and the damaged file is kept.
//
// Checkpoints are the head of the journal, its number and hash, signed as a
// golang.org/x/mod/sumdb/note. The signing key lives beside the journal, so
// root on this machine can forge the future; only checkpoints that were sent
// elsewhere, the system log for one, make the past immutable.
package journal
