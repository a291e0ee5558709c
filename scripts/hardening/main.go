// Command hardening checks that programs and shared libraries of Linux were compiled and linked so that
// memory errors are found or do less harm: what scripts/native.sh asks the compiler and the linker for.
//
// Run it with make hardening.
package main

import (
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	pie := flag.Bool("pie", false, "a program must be position-independent too, as in releases")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: hardening [-pie] FILE…")
		os.Exit(2)
	}
	failed := false
	for _, name := range flag.Args() {
		missing, err := check(name, *pie)
		switch {
		case err != nil:
			fmt.Fprintln(os.Stderr, "hardening:", err)
			failed = true
		case len(missing) > 0:
			fmt.Printf("%s: %s\n", name, strings.Join(missing, ", "))
			failed = true
		default:
			fmt.Println(name + ": ok")
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check returns what an ELF file lacks, in words. Its errors are those of reading the file.
func check(name string, pie bool) ([]string, error) {
	f, err := elf.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()

	var missing []string
	want := func(ok bool, what string) {
		if !ok {
			missing = append(missing, what)
		}
	}

	var relro, stack, interpreter, writableCode bool
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_GNU_RELRO:
			relro = true
		case elf.PT_GNU_STACK:
			stack = p.Flags&elf.PF_X == 0
		case elf.PT_INTERP:
			interpreter = true
		case elf.PT_LOAD:
			writableCode = writableCode || p.Flags&(elf.PF_W|elf.PF_X) == elf.PF_W|elf.PF_X
		}
	}
	want(stack, "executable stack")
	want(!writableCode, "writable code")
	want(relro, "no RELRO")

	now, err := bindsNow(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	want(now, "lazy binding")
	textRelocations, err := f.DynValue(elf.DT_TEXTREL)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	want(len(textRelocations) == 0, "text relocations")
	want(!pie || !interpreter || f.Type == elf.ET_DYN, "not position-independent")

	paths, err := runPaths(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	for _, path := range paths {
		want(strings.HasPrefix(path, "$ORIGIN") || strings.Contains(path, "cuda"), "searches libraries in "+path)
	}

	symbols, err := f.ImportedSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var protector, fortify bool
	for _, s := range symbols {
		protector = protector || s.Name == "__stack_chk_fail"
		fortify = fortify || strings.HasPrefix(s.Name, "__") && strings.HasSuffix(s.Name, "_chk")
	}
	want(protector, "no stack protector")
	want(fortify, "no _FORTIFY_SOURCE")
	return missing, nil
}

// bindsNow reports if all functions are looked up when the file is loaded, so that their table can be read-only.
func bindsNow(f *elf.File) (bool, error) {
	for tag, bit := range map[elf.DynTag]uint64{
		elf.DT_FLAGS:   uint64(elf.DF_BIND_NOW),
		elf.DT_FLAGS_1: uint64(elf.DF_1_NOW),
	} {
		values, err := f.DynValue(tag)
		if err != nil {
			return false, err
		}
		for _, v := range values {
			if v&bit != 0 {
				return true, nil
			}
		}
	}
	values, err := f.DynValue(elf.DT_BIND_NOW)
	return len(values) > 0, err
}

func runPaths(f *elf.File) ([]string, error) {
	var paths []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		values, err := f.DynString(tag)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			paths = append(paths, strings.Split(v, ":")...)
		}
	}
	return paths, nil
}
