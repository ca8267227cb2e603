package mcp

import "mcp-oauth-server/tools"

// blocks are contents in the kinds that the revision knows.
func (x *exchange) blocks(contents tools.Contents) tools.Contents {
	known := make(tools.Contents, len(contents))
	for i, c := range contents {
		known[i] = x.block(c)
	}
	return known
}

// block replaces a kind the revision does not know by words: a strict client
// would drop the whole result.
func (x *exchange) block(c tools.Content) tools.Content {
	switch c := c.(type) {
	case tools.Audio:
		if !x.audio {
			return tools.Text{Text: "[audio, " + c.MIMEType + ": this client cannot receive it]"}
		}
	case tools.Link:
		if !x.links {
			return tools.Text{Text: c.Name + ": " + c.URI}
		}
		if !x.structured {
			c.Title = ""
		}
		return c
	}
	return c
}
