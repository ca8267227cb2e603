package tools

// ChangeKind is a set of kinds of changes.
type ChangeKind uint8

// The changes that clients can listen for.
const (
	// ToolsChanged: the list of tools is another one.
	ToolsChanged ChangeKind = 1 << iota
	// PromptsChanged: the list of prompts is another one.
	PromptsChanged
	// ResourcesChanged: the list of resources is another one.
	ResourcesChanged
	// ResourceUpdated: the content of one resource is another one.
	ResourceUpdated
)

// Change is one change of what the server offers. It is small and holds nothing
// secret: it goes to all replicas, and to every user who listens for its kind.
type Change struct {
	Kind ChangeKind
	// URI is the resource of ResourceUpdated; empty in all else.
	URI string
}
