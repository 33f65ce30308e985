package source

// What is taken from a server that may be hostile. A chart repository is far below each of them; above them reading
// ends with ErrTooLarge.
const (
	// maxListing bounds the list of references, in bytes. 10,000 tags are about 1 MB.
	maxListing = 64 << 20
	// maxPack bounds one pack on the wire, in bytes. A plain fetch of 20,000 files is about 10 MB.
	maxPack = 128 << 20
	// maxAnswer bounds what a server answers to a request for a pack, in bytes: the pack and what stands before it.
	maxAnswer = maxPack + 1<<20
	// maxObject bounds one object, in bytes. Larger blobs are left out; reading one of them fails. Helm itself takes
	// no file above 5 MiB.
	maxObject = 16 << 20
	// maxKept bounds what one pack holds in memory, in bytes.
	maxKept = 256 << 20
	// maxContents bounds the files of one snapshot that are held in memory, whichever calls fetched them, in bytes.
	maxContents = 256 << 20
	// maxInflated bounds what one pack unpacks to before anything is left out, in bytes.
	maxInflated = 1 << 30
	// maxObjects bounds the number of objects in a pack.
	maxObjects = 2_000_000
	// maxEntries bounds the files and folders of a tree, each counted as often as it appears.
	maxEntries = 500_000
	// maxDepth bounds how deep folders lie in each other.
	maxDepth = 100
	// maxPeel bounds tags of tags.
	maxPeel = 10
	// maxLink bounds the target of a symbolic link, in bytes (PATH_MAX).
	maxLink = 4096
	// maxRefName bounds the name of a reference, in bytes.
	maxRefName = 1000
)

// packLimits are the limits of unpack.
type packLimits struct {
	objects                int
	object, kept, inflated int64
}

var defaultPackLimits = packLimits{objects: maxObjects, object: maxObject, kept: maxKept, inflated: maxInflated}
