// Package pages is the shelf of everything a person reads in the browser: the
// consent page, the page that explains a fault, the page for an account that
// may not use the server, and the landing page.
//
//	pages.go    Set: what all pages of one server share; how a page becomes a response
//	consent.go  who asks for what, and the form that answers it
//	fault.go    what happened and what to do; how to reset a client
//	denied.go   signed in, but not allowed
//	landing.go  the front page: tools, endpoints, how to connect a client
//	install.go  how each client is connected, as links and snippets
//	tool.go     what a page tells about a tool, read from its input schema
//
// A page has no script, loads nothing and remembers nothing. Everything that
// comes from outside passes through html/template, and the Content-Security-
// Policy allows exactly one thing: the style sheet inside the page, by its hash.
//
// It decides nothing: who may see a page, with which status and what is said on
// it, is the caller's business.
package pages
