package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

const callIDLength = 9

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// IsCallID reports whether a tool call's id has the form that Mistral's models
// were trained on: nine letters or digits.
func IsCallID(id string) bool {
	return len(id) == callIDLength && strings.Trim(id, alphanumeric) == ""
}

// CallID is id where it has Mistral's form, else nine letters and digits that are
// always the same for the same id, so that a call and its result still meet.
func CallID(id string) string {
	if IsCallID(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	n := binary.LittleEndian.Uint64(sum[:])
	var b [callIDLength]byte
	for i := range b {
		b[i] = alphanumeric[n%uint64(len(alphanumeric))]
		n /= uint64(len(alphanumeric))
	}
	return string(b[:])
}
