package signing

import "github.com/releaser/releaser/registry"

// Signed is a chart version whose signature was verified, from the registry. Only Sign and Verify make one.
type Signed struct {
	pushed     registry.Pushed
	signatures []Signature
	image      string // host/namespace/chart@sha256:…
	plainHTTP  bool
}

// Signature is one valid signature as it lies in the registry.
type Signature struct {
	Format Format `json:"format"`
	// Reference is where it is: the tag of the form Legacy, the digest of the form Bundle, without a scheme.
	Reference string `json:"reference"`
	// Digest is of the manifest that holds it.
	Digest string `json:"digest"`
	// Key is sha256: and the hex sum of the signer's public key in DER form. Sign gives signatures of the own key; Verify
	// gives one of a trusted key where there is none of the own.
	Key string `json:"key"`
	// New is true when this call wrote it.
	New bool `json:"new"`
}

func newSigned(p registry.Pushed, t target) Signed {
	return Signed{pushed: p, image: t.String(), plainHTTP: t.repo.PlainHTTP}
}

// Pushed is the chart version that is signed.
func (s Signed) Pushed() registry.Pushed { return s.pushed }

// Signatures are the valid ones, one for each form that has one, in the configured order.
func (s Signed) Signatures() []Signature { return append([]Signature(nil), s.signatures...) }
