package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/valyala/fasthttp"
)

// newRawSignature is the floor of the token endpoint: fasthttp, the form of the
// same request, one Ed25519 signature over 600 bytes and a JSON answer as long as
// ours. It opens nothing, checks nothing and remembers nothing.
func newRawSignature(string) (peer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return peer{}, err
	}
	const accessToken, refreshToken = 760, 400 // characters, as ours
	access := strings.Repeat("a", accessToken-base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize))
	refresh := strings.Repeat("r", refreshToken)
	return peer{fast: func(ctx *fasthttp.RequestCtx) {
		form := ctx.PostArgs()
		for _, name := range []string{"grant_type", "client_id", "code", "code_verifier", "redirect_uri"} {
			if len(form.Peek(name)) == 0 {
				ctx.Error("missing "+name, fasthttp.StatusBadRequest)
				return
			}
		}
		message := append(make([]byte, 0, 600), form.Peek("code")...)
		signature := ed25519.Sign(key, message[:min(600, len(message))])
		ctx.SetContentType("application/json")
		ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
		body := append([]byte(`{"access_token":"`), access...)
		body = base64.RawURLEncoding.AppendEncode(body, signature)
		body = append(body, `","token_type":"Bearer","expires_in":600,"scope":"mcp:tools","refresh_token":"`...)
		body = append(body, refresh...)
		ctx.SetBody(append(body, `"}`...))
	}}, nil
}
