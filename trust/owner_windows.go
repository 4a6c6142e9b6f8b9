package trust

import "io/fs"

// ownerOf knows no owner here: access lists are not read, as the package
// comment says.
func ownerOf(fs.FileInfo) (uid int, known bool) { return 0, false }
