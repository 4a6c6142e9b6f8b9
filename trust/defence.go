package trust

// defence names one check. Tests switch them off one at a time to show that
// each is missed: a check that nothing misses is not tested. There is no way to
// set it from outside the package.
type defence string

// The defences that the mutation test switches off.
const (
	defenceClock        defence = "clock plausibility"
	defenceWindow       defence = "key window"
	defenceRevoked      defence = "revocation"
	defenceDenied       defence = "deny list"
	defenceExpiry       defence = "document expiry"
	defenceVendorExpiry defence = "vendor expiry"
	defenceFuture       defence = "not yet valid"
	defenceScope        defence = "updater scope"
	defenceActions      defence = "action scope"
	defenceComponent    defence = "component scope"
	defenceWrite        defence = "write scope"
	defencePlatform     defence = "platform"
	defenceMinVersion   defence = "minimum version"
	defenceFloor        defence = "version floor"
	defenceUpdateFloor  defence = "update floor"
	defenceBound        defence = "id bound to its vendor"
	defenceDigest       defence = "payload digest"
	defenceExtra        defence = "nothing extra"
	defenceLinks        defence = "no links"
	defenceHardLinks    defence = "no second names"
	defenceStored       defence = "store unchanged"
	defenceReboot       defence = "store read again after a crash"
	defenceInterpreter  defence = "interpreter"
	defenceUpdater      defence = "document is for this updater"
	defenceArtifacts    defence = "artifacts stated"
	defenceGeneration   defence = "generation unchanged"
	defenceSubject      defence = "attestation subject"
	defencePredicate    defence = "attestation predicate type"
	defenceAttestOnly   defence = "attest-only signers"
	defenceOverlap      defence = "overlapping scopes"
	defenceLogged       defence = "keys that must be logged"
	defenceOwners       defence = "files that nobody else can change"
	defenceQuota        defence = "store quota"
	defenceSelf         defence = "self is no artifact"
	defenceSelfPackage  defence = "an updater replaces itself only"
	defenceDisabled     defence = "a vendor that is switched off"
	defenceNews         defence = "revocations looked for at each check"
	defenceDamage       defence = "a revocation that cannot be read"
	defenceLost         defence = "floors that were lost"
)
