package tools

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Content is one piece of what a model is shown: Text, Image, Audio, Embedded
// or Link. In JSON each is a content block of the protocol. A revision that has
// no such kind gets words instead.
type Content interface{ size() int }

// Contents is an ordered list of content. As the Out of a tool it says that the
// tool has content and no structured data.
type Contents []Content

// Contenter is implemented by an Out, with a value receiver, that has content
// besides its structured data.
type Contenter interface{ Contents() Contents }

// Text is plain text or Markdown.
type Text struct{ Text string }

// Image is a picture.
type Image struct {
	Data []byte
	// MIMEType is, for example, image/png. REQUIRED.
	MIMEType string
}

// Audio is sound.
type Audio struct {
	Data []byte
	// MIMEType is, for example, audio/wav. REQUIRED.
	MIMEType string
}

// Embedded is a resource with its content.
type Embedded struct{ Resource ResourceContent }

// Link names a resource that the client may read.
type Link struct {
	// URI and Name are REQUIRED.
	URI, Name string
	// Title, Description and MIMEType are OPTIONAL.
	Title, Description, MIMEType string
}

// ResourceContent is the content of one resource: Text, or Data if that is not nil.
type ResourceContent struct {
	// URI names the resource; empty in the result of a resource's own handler
	// means the URI that was read.
	URI string
	// MIMEType is OPTIONAL.
	MIMEType string
	Text     string
	Data     []byte
}

func (t Text) size() int     { return len(t.Text) }
func (i Image) size() int    { return len(i.Data) * 4 / 3 }
func (a Audio) size() int    { return len(a.Data) * 4 / 3 }
func (e Embedded) size() int { return e.Resource.size() }
func (l Link) size() int     { return len(l.URI) + len(l.Name) + len(l.Title) + len(l.Description) }

func (r ResourceContent) size() int { return len(r.URI) + len(r.Text) + len(r.Data)*4/3 }

func (c Contents) size() int {
	n := 0
	for _, content := range c {
		n += content.size()
	}
	return n
}

// block is the JSON of all kinds of content.
type block struct {
	Type        string           `json:"type"`
	Text        *string          `json:"text,omitzero"`
	Data        []byte           `json:"data,omitzero"` // base64
	URI         string           `json:"uri,omitzero"`
	Name        string           `json:"name,omitzero"`
	Title       string           `json:"title,omitzero"`
	Description string           `json:"description,omitzero"`
	MIMEType    string           `json:"mimeType,omitzero"`
	Resource    *ResourceContent `json:"resource,omitzero"`
}

// MarshalJSONTo writes a content block.
func (t Text) MarshalJSONTo(e *jsontext.Encoder) error {
	text := strings.ToValidUTF8(t.Text, "\uFFFD")
	return json.MarshalEncode(e, block{Type: "text", Text: &text})
}

// MarshalJSONTo writes a content block.
func (i Image) MarshalJSONTo(e *jsontext.Encoder) error {
	return json.MarshalEncode(e, block{Type: "image", Data: present(i.Data), MIMEType: i.MIMEType})
}

// MarshalJSONTo writes a content block.
func (a Audio) MarshalJSONTo(e *jsontext.Encoder) error {
	return json.MarshalEncode(e, block{Type: "audio", Data: present(a.Data), MIMEType: a.MIMEType})
}

// MarshalJSONTo writes a content block.
func (b Embedded) MarshalJSONTo(e *jsontext.Encoder) error {
	return json.MarshalEncode(e, block{Type: "resource", Resource: &b.Resource})
}

// MarshalJSONTo writes a content block.
func (l Link) MarshalJSONTo(e *jsontext.Encoder) error {
	return json.MarshalEncode(e, block{
		Type: "resource_link", URI: l.URI, Name: l.Name, Title: l.Title, Description: l.Description, MIMEType: l.MIMEType,
	})
}

// MarshalJSONTo writes what the protocol calls TextResourceContents or
// BlobResourceContents.
func (r ResourceContent) MarshalJSONTo(e *jsontext.Encoder) error {
	out := struct {
		URI      string  `json:"uri"`
		MIMEType string  `json:"mimeType,omitzero"`
		Text     *string `json:"text,omitzero"`
		Blob     []byte  `json:"blob,omitzero"`
	}{URI: r.URI, MIMEType: r.MIMEType, Blob: r.Data}
	if r.Data == nil {
		text := strings.ToValidUTF8(r.Text, "\uFFFD")
		out.Text = &text
	}
	return json.MarshalEncode(e, out)
}

// present makes missing data empty: the member is required.
func present(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// readContent reads a text, image or audio block that a client sent.
func readContent(raw jsontext.Value) (Content, bool) {
	var b block
	if json.Unmarshal(raw, &b) != nil {
		return nil, false
	}
	switch {
	case b.Type == "text" && b.Text != nil:
		return Text{*b.Text}, true
	case b.Type == "image":
		return Image{b.Data, b.MIMEType}, true
	case b.Type == "audio":
		return Audio{b.Data, b.MIMEType}, true
	}
	return nil, false
}
