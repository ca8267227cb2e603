// Package jose is the vault's door: the only package that knows JOSE. It holds
// the key ring, publishes the JWKS, and seals and opens byte payloads under one
// fixed profile per kind of artifact.
//
// # Wire format
//
// Everything is compact serialization (RFC 7516 §7.1), always "dir" with
// A256GCM, never compressed. A kind is either sealed only,
//
//	JWE {"alg":"dir","enc":"A256GCM","kid":"<ring id>.<day>","typ":"<type>"}
//
// or signed and then sealed,
//
//	JWE {"alg":"dir","cty":"JWT","enc":"A256GCM","kid":"<ring id>.<day>"}
//	around JWS {"alg":"HS256","typ":"<type>"}
//	or     JWS {"alg":"EdDSA","kid":"<ring id>","typ":"at+jwt"}
//
// The header bytes are a function of the kind and the kid, so opening compares
// them instead of interpreting them: no algorithm, no zip, no crit, no embedded
// key can be chosen by whoever sends the token (RFC 8725 §3.1).
//
// # The library
//
// Sealing and opening are written here, for these profiles alone, on top of the
// standard library's cryptography; jwx makes the JWKS, and in the tests it is the
// reference: it opens whatever is sealed here, and whatever opens here opens
// there to the same payload. The reverse does not hold. With the right keys it
// also takes these, which testdata/refused-v1.json holds examples of:
//
//	spelling   white space around the token, line breaks, padding or stray bits
//	           in a part, JSON serialization, a part for the encrypted key
//	header     any order, white space, escapes, a member twice, unknown members,
//	           crit (which RFC 7516 §4.1.13 has it refuse), jwk, jku, another
//	           enc, zip, no typ or cty
//	kid        any, or none
//	inside     all of the same in the JWS, its typ among them
//
// Each would be a second text for one token, or a choice for whoever sends it.
//
// # Keys
//
// The ring is a list of secrets. The first one mints, all of them open. HKDF
// (RFC 5869) derives a separate key for each use, kind, day and issuer:
//
//   - the day, because AES-GCM with random nonces is good for 2^32 messages
//     under one key (NIST SP 800-38D §8.3) and a busy server passes that within
//     days;
//   - the kind, so that an artifact put in another one's place fails to decrypt
//     even where a check was forgotten;
//   - the issuer, so that a secret shared by two deployments by mistake does
//     not make their artifacts interchangeable.
//
// This package must not know what a payload means, when it expires or who may
// mint it: that is crypto/artifact.
package jose
