package gguf

import "bytes"

// resembles guesses from its first bytes what a file is that is not GGUF, or returns "".
// The formats are common mistakes.
func resembles(b []byte) string {
	has := func(s string) bool { return bytes.HasPrefix(b, []byte(s)) }
	switch {
	case len(b) == 0:
		return "an empty file"
	case has("version https://git-lfs"):
		return "a Git LFS pointer to one: the file itself was not fetched"
	case has("ggjt"), has("tjgg"), has("ggml"), has("lmgg"), has("ggla"), has("algg"), has("fmgg"):
		return "a GGML file from before GGUF"
	case has("PK\x03\x04"):
		return "a zip archive, possibly PyTorch weights"
	case has("\x1f\x8b"):
		return "compressed with gzip"
	case len(b) > 8 && b[8] == '{' && bytes.Equal(b[4:8], make([]byte, 4)):
		return "a safetensors file, which must be converted"
	case bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(b)), []byte("<!doctype")), bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(b)), []byte("<html")):
		return "a web page"
	case len(bytes.Trim(b, "\x00")) == 0:
		return "a file of zeros, possibly an unfinished download"
	}
	return ""
}
