// Package arch holds the rules of the house as tests, so that `go test ./...`
// alone guards it:
//
//	imports  which package may import which, and who may use a library
//	calls    functions that this program must not call, and where an exception stands
//	shape    package comments, sizes of files and functions, nothing left to do
//
// The rules are about the product: test files, bench and packages whose name
// ends in "test" are free of most of them. Each rule is itself tested with a
// source that breaks it. An exception is a line in a table with its reason.
package arch
