package main

import (
	_ "embed"
	"strings"
)

// A part is software in C or C++ that is compiled into bise and that no Go module is named for.
type part struct {
	name    string
	version string // "" if the machine that builds bise decides it
	purl    string // "" if it has no package URL
	spdx    string
	notice  string // the copyright line, for a part under the MIT licence without a text
	text    string // the licence; "" is the MIT licence after notice
	file    string // of the module ollama: the licence is the comment or the file at its beginning
}

var (
	//go:embed texts/stb_image.txt
	stbText string
	//go:embed texts/miniaudio.txt
	miniaudioText string
	//go:embed texts/mit.txt
	mit string
)

// parts lists what scripts/native.sh and the module ollama add. What is in ggml's and llama.cpp's sources from
// other authors is named by comments there.
var parts = []part{
	{name: "llama.cpp and ggml", version: "ec98e2002", purl: "pkg:github/ggml-org/llama.cpp@ec98e2002", spdx: "MIT", file: "llama/llama.cpp/LICENSE"},
	{name: "tinyBLAS of llamafile, in ggml", spdx: "MIT", file: "ml/backend/ggml/ggml/src/ggml-cpu/llamafile/sgemm.cpp"},
	{name: "base64.hpp, in llama.cpp", spdx: "Unlicense", file: "llama/llama.cpp/common/base64.hpp"},
	{name: "YaRN, in ggml", spdx: "MIT", notice: "Copyright (c) 2023 Jeffrey Quesnelle and Bowen Peng"},
	{name: "Arm Optimized Routines, in ggml", spdx: "MIT", notice: "Copyright (c) 1999-2024, Arm Limited"},
	{name: "OpenVINO (a function for Arm processors), in ggml", spdx: "Apache-2.0", text: "Copyright (C) 2018-2025 Intel Corporation\n\nLicensed under the Apache License, Version 2.0, which is bise's own licence: see LICENSE.\n"},
	{name: "JSON for Modern C++", purl: "pkg:github/nlohmann/json", spdx: "MIT", notice: "Copyright (c) 2013-2022 Niels Lohmann\nCopyright (c) 2009 Florian Loitsch\nCopyright (c) 2008-2009 Björn Hoehrmann\nHedley, 2016-2021 Evan Nemerson, is in the public domain (CC0-1.0)."},
	{name: "stb_image", purl: "pkg:github/nothings/stb", spdx: "MIT OR Unlicense", text: stbText},
	{name: "miniaudio", version: "0.11.23", purl: "pkg:github/mackron/miniaudio@0.11.23", spdx: "Unlicense OR MIT-0", text: miniaudioText},
}

// firstComment returns the comment at the beginning of a C++ file, or all of a file that has none.
func firstComment(text string) string {
	switch {
	case strings.HasPrefix(text, "/*"):
		comment, _, _ := strings.Cut(text[2:], "*/")
		return strings.TrimSpace(comment) + "\n"
	case strings.HasPrefix(text, "//"):
		out := &strings.Builder{}
		for line := range strings.Lines(text) {
			rest, ok := strings.CutPrefix(line, "//")
			if !ok {
				break
			}
			out.WriteString(strings.TrimPrefix(rest, " "))
		}
		return out.String()
	}
	return text
}
