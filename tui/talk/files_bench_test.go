package talk

import (
	"strings"
	"testing"
)

// BenchmarkFind is a key in the file picker of a large project.
func BenchmarkFind(b *testing.B) {
	p := &filePopup{filter: "srvhnd"}
	for i := range maxFiles {
		p.all = append(p.all, strings.Repeat("folder/", i%5)+"some_name_of_a_file_"+string(rune('a'+i%26))+".go")
	}
	for b.Loop() {
		p.find()
	}
}
