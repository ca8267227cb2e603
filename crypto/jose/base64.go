package jose

import (
	"encoding/base64"
	"encoding/binary"
)

// base64url without padding (RFC 7515 §2), in words of eight characters. A token
// is encoded twice, inside and outside, so this was a quarter of its cost. Ends
// that do not fill a word are left to the standard library.

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

var b64 = base64.RawURLEncoding.Strict()

// pairs are the two characters of each 12 bits.
var pairs = func() (t [1 << 12]uint16) {
	for bits := range t {
		t[bits] = uint16(alphabet[bits>>6])<<8 | uint16(alphabet[bits&63])
	}
	return t
}()

// invalid marks what is no character of the alphabet.
const invalid = 1 << 31

// values are the bits of each character at each of the four places of 24 bits.
var values = func() (t [4][256]uint32) {
	for place := range t {
		for c := range t[place] {
			t[place][c] = invalid
		}
		for bits, c := range []byte(alphabet) {
			t[place][c] = uint32(bits) << (18 - 6*place)
		}
	}
	return t
}()

// appendEncoded appends the spelling of src.
func appendEncoded(dst, src []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, b64.EncodedLen(len(src)))...)
	out := dst[start:]
	for len(src) >= 8 { // six bytes of which are used
		x := binary.BigEndian.Uint64(src)
		binary.BigEndian.PutUint64(out,
			uint64(pairs[x>>52])<<48|uint64(pairs[x>>40&0xfff])<<32|uint64(pairs[x>>28&0xfff])<<16|uint64(pairs[x>>16&0xfff]))
		src, out = src[6:], out[8:]
	}
	b64.Encode(out, src)
	return dst
}

// appendDecoded appends the bytes of a part. ok means that the part is the one
// spelling of them: no padding, no stray bits, no line breaks, which the standard
// library skips. One token must have one spelling, or whoever counts or blocks
// tokens by their text can be evaded.
func appendDecoded(dst, part []byte) (decoded []byte, ok bool) {
	start, size := len(dst), b64.DecodedLen(len(part))
	dst = append(dst, make([]byte, size+2)...) // a word writes two bytes more than it holds
	out, seen := dst[start:], uint32(0)
	for len(part) >= 8 {
		a := values[0][part[0]] | values[1][part[1]] | values[2][part[2]] | values[3][part[3]]
		b := values[0][part[4]] | values[1][part[5]] | values[2][part[6]] | values[3][part[7]]
		binary.BigEndian.PutUint64(out, uint64(a)<<40|uint64(b)<<16)
		seen |= a | b
		part, out = part[8:], out[6:]
	}
	n, err := b64.Decode(out, part)
	return dst[:start+size], seen&invalid == 0 && err == nil && b64.EncodedLen(n) == len(part)
}
