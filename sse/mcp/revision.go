package mcp

// The revisions of the protocol, oldest first.
const (
	Version20241105 = "2024-11-05"
	Version20250326 = "2025-03-26"
	Version20250618 = "2025-06-18"
	Version20251125 = "2025-11-25"
	Version20260728 = "2026-07-28"
)

// revision is what one revision of the protocol has. All differences between
// revisions are here and in the table of methods, so that a new one is a new row.
type revision struct {
	version string
	// modern: every request carries its version and capabilities in _meta; there
	// is no handshake, and results say what they are.
	modern bool
	// batches: a POST may be an array of messages.
	batches bool
	// annotations: tools say what they do to the world.
	annotations bool
	// audio: there is sound among the content.
	audio bool
	// progressText: progress comes with a message.
	progressText bool
	// structured: tools have titles and output schemas, results structured content.
	structured bool
	// links: a result may name resources instead of embedding them.
	links bool
	// elicitation: the client's user may be asked to fill in a form.
	elicitation bool
	// completionContext: a completion is told the arguments that are known.
	completionContext bool
	// argumentResults: arguments that do not fit the schema are told to the model
	// as a result; before, they were protocol errors (SEP-1303).
	argumentResults bool
	// visits: the client's user may be asked to open a page.
	visits bool
	// visitIDs: such a question has an id besides that of its request.
	visitIDs bool
	// notFound is the code for a resource that does not exist.
	notFound int
}

var revisions = []revision{
	{version: Version20241105, notFound: codeResourceNotFound},
	{version: Version20250326, notFound: codeResourceNotFound, batches: true,
		annotations: true, audio: true, progressText: true},
	{version: Version20250618, notFound: codeResourceNotFound,
		annotations: true, audio: true, progressText: true, structured: true, links: true,
		elicitation: true, completionContext: true},
	{version: Version20251125, notFound: codeResourceNotFound,
		annotations: true, audio: true, progressText: true, structured: true, links: true,
		elicitation: true, completionContext: true, argumentResults: true, visits: true, visitIDs: true},
	{version: Version20260728, notFound: codeInvalidParams, modern: true,
		annotations: true, audio: true, progressText: true, structured: true, links: true,
		elicitation: true, completionContext: true, argumentResults: true, visits: true},
}

// lookup returns the revision with the given version.
func lookup(version string) (revision, bool) {
	for _, r := range revisions {
		if r.version == version {
			return r, true
		}
	}
	return revision{}, false
}

// mustLookup is lookup for our own constants.
func mustLookup(version string) revision {
	r, ok := lookup(version)
	if !ok {
		panic("mcp: no revision " + version)
	}
	return r
}

// Versions lists the supported revisions, newest first.
func Versions() []string {
	names := make([]string, 0, len(revisions))
	for i := len(revisions) - 1; i >= 0; i-- {
		names = append(names, revisions[i].version)
	}
	return names
}

// negotiate answers the version an initialize asked for: itself if it is one
// that has a handshake, else the newest that has one. Never a modern one: a
// client that shakes hands would be promised what it does not speak.
func negotiate(asked string) revision {
	if r, ok := lookup(asked); ok && !r.modern {
		return r
	}
	return mustLookup(Version20251125)
}
