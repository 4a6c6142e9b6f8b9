// Package trust decides who vouches for which bytes, from local files only, and
// hands back exactly the bytes that were vouched for.
//
// # Who may say what
//
// An administrator writes one file per vendor, vendors.d/NAME.yaml: its keys or
// keyless identities, and scopes, which say which updaters the vendor may
// register and how much of the machine they may touch. A vendor signs two kinds
// of documents, both strict JSON with a sigstore bundle beside them: the
// manifest of an updater package, which lists every payload file with its
// digest, and the update document, which lists the artifacts of one update. What
// runs, with which arguments, from which bytes, is in them and nowhere else.
//
// # The way of a package
//
// [Trust.Admit] verifies the manifest under the vendors in force ([Generation])
// and copies the payload into the store while hashing it, once. The store is
// named by content, owned by lull and read-only. [Trust.Commit] raises the floor
// of the id, for ever. Before each start [Trust.Check] asks everything again that
// can have changed: signature and signer, revocation, scope, expiry, floors, and
// whether a stored file was touched (its bytes are then read again, and so are
// all bytes after a crash of the machine). Only Check makes a [Verified], and
// only from a Verified can a process be started.
//
// [Trust.AdmitUpdate] and [Trust.AdmitArtifacts] do the same for what a scan
// names and a download leaves, in directories that an updater may write to: no
// link is followed, nothing but plain files is opened, nothing blocks.
//
// # What is never believed
//
// A bundle does not choose how it is verified: a certificate must carry a log
// entry, a certificate timestamp and a trusted time of the root that the vendor
// file names; a key needs log entry and time where its entry names a root, and
// is otherwise judged by the clock. A clock that cannot be right (earlier than
// [Options.NotBefore] or than the newest signature verified here) makes
// everything wait, with the code clock_implausible; it does not deny. Names in
// archives, documents and scan results are checked before use. A vendor file
// that is broken, overlaps another, or could have been written by others
// disables its vendor at once and uncovers no lower file.
//
// # Errors
//
// Every refusal is an [Error] with place, reason and remedy; [Code] gives the
// stable name that journals and policies use. [Trust.Inspect] lists everything
// wrong with a package at once.
//
// # What it cannot promise
//
// Root, and in the unprivileged mode the user's own processes, can change the
// store between the check and the start. What an updater loads or interprets
// later, from files outside its package, is its vendor's responsibility. On
// Windows no owners are checked.
//
// # Files
//
// Below [Options.StateDir]: store/{packages,updates,artifacts}/DIGEST/tree with
// record.json beside it, store/life.json (which boot used the store last),
// floors.json and revocations/.
package trust
