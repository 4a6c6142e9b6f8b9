package trust

import (
	"fmt"

	"github.com/lullhq/lull/trust/internal/strict"
)

// ParseUpdateDocument reads and checks an update document by itself. The error
// is ErrDocument or ErrTooLarge.
func ParseUpdateDocument(data []byte) (*UpdateDocument, error) {
	d, f := parseUpdateDocument("update document", data)
	return d, f.err()
}

func parseUpdateDocument(file string, data []byte) (*UpdateDocument, *faults) {
	f := &faults{why: ErrDocument, file: file}
	d := &UpdateDocument{}
	if len(data) > maxDocument {
		f.addAs(ErrTooLarge, "", "", "larger than %d bytes", maxDocument)
		return d, f
	}
	root, err := strict.ParseJSON(data)
	if f.decode(root, err, d) {
		d.check(f)
	}
	return d, f
}

func (d *UpdateDocument) check(f *faults) {
	f.oneOf("apiVersion", d.APIVersion, apiVersion)
	f.oneOf("kind", d.Kind, "Update")
	if !updaterID.matches(d.Updater) {
		f.add("updater", "write the id of the updater", "%q is not an updater id", clip(d.Updater))
	}
	if !updateID.matches(d.ID) {
		f.add("id", "use letters, digits and . _ + -", "%q is not an update id", clip(d.ID))
	}
	if !validVersion(d.Version) {
		f.add("version", "write it like 12.4.0", "%q is not a SemVer version", clip(d.Version))
	}
	checkPlatform(f, d.Platform)
	checkTimes(f, d.Created, d.Expires)
	d.checkArtifacts(f)
}

func (d *UpdateDocument) checkArtifacts(f *faults) {
	if len(d.Artifacts) > maxFiles {
		f.add("artifacts", "", "%d files, want at most %d", len(d.Artifacts), maxFiles)
		return
	}
	names := make([]string, len(d.Artifacts))
	for i, a := range d.Artifacts {
		at := fmt.Sprintf("artifacts.%d", i)
		names[i] = a.Name
		if why := badPath(a.Name); why != "" {
			f.add(at+".name", "write a path relative to the staging directory", "%q %s", clip(a.Name), why)
		}
		if !validDigest(a.SHA256) {
			f.add(at+".sha256", "", "%q is not 64 lower-case hex digits", clip(a.SHA256))
		}
		f.between(at+".size", a.Size, 0, maxArtifact)
	}
	if a, b, found := collision(names); found {
		f.add("artifacts", "rename one of them", "%q and %q are the same path on some systems", a, b)
	}
}
