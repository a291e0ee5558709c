package audio

import (
	"encoding/binary"
	"math"

	"github.com/bise-sh/bise/units"
)

// Codes of the "fmt " chunk.
const (
	pcm        = 1
	ieeeFloat  = 3
	aLaw       = 6
	muLaw      = 7
	extensible = 0xfffe
)

// readWAV reads a RIFF file. Programs that write to a pipe do not know the length, and write
// 0 or the largest numbers: then the audio ends with the file.
func (f *File) readWAV(data []byte) error {
	rest := data[12:]
	for len(rest) >= 8 {
		name, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:]
		switch {
		case name == "fmt ":
			if size > int64(len(body)) {
				return refuse("", "the WAV file ends within its header")
			}
			if err := f.readFormat(body[:size]); err != nil {
				return err
			}
		case name == "data":
			if f.fmt == nil {
				return refuse(convert, "the WAV file does not say how its sound is stored")
			}
			unknown := size == 0 && len(body) > 0 || size >= math.MaxInt32-1<<16
			if !unknown && size > int64(len(body)) {
				return refuse("Get the file again.", "the WAV file is cut off: it claims %s of sound and has %s",
					units.Size(size), units.Size(int64(len(body))))
			}
			if !unknown {
				body = body[:size]
			}
			f.Samples = int64(len(body) / f.sample)
			f.data = body[:f.Samples*int64(f.sample)]
			return nil
		}
		size += size & 1 // chunks are padded
		if size > int64(len(body)) {
			break
		}
		rest = body[size:]
	}
	return refuse("", "the WAV file has no sound in it")
}

func (f *File) readFormat(b []byte) error {
	if len(b) < 16 {
		return refuse("", "the header of the WAV file is too short")
	}
	code, bits := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[14:]))
	f.Channels = int(binary.LittleEndian.Uint16(b[2:]))
	f.Rate = int(min(binary.LittleEndian.Uint32(b[4:]), math.MaxInt32))
	if code == extensible {
		if len(b) < 40 {
			return refuse("", "the header of the WAV file is too short")
		}
		code = binary.LittleEndian.Uint16(b[24:])
	}
	known := code == pcm && (bits == 8 || bits == 16 || bits == 24 || bits == 32) ||
		code == ieeeFloat && (bits == 32 || bits == 64) || (code == aLaw || code == muLaw) && bits == 8
	if !known {
		return refuse(convert, "the WAV file stores its sound in a way that cannot be read (code %d with %d bits)", code, bits)
	}
	if f.Channels < 1 || f.Channels > maxChannels {
		return refuse(convert, "it has %d channels, and 1 to %d are possible", f.Channels, maxChannels)
	}
	f.sample = f.Channels * bits / 8
	if align := int(binary.LittleEndian.Uint16(b[12:])); align != f.sample {
		return refuse(convert, "the header of the WAV file contradicts itself: %d channels of %d bits are not %d bytes", f.Channels, bits, align)
	}
	f.fmt = binary.LittleEndian.AppendUint16(nil, code)
	f.fmt = binary.LittleEndian.AppendUint16(f.fmt, uint16(f.Channels))
	f.fmt = binary.LittleEndian.AppendUint32(f.fmt, uint32(f.Rate))
	f.fmt = binary.LittleEndian.AppendUint32(f.fmt, uint32(f.Rate*f.sample))
	f.fmt = binary.LittleEndian.AppendUint16(f.fmt, uint16(f.sample))
	f.fmt = binary.LittleEndian.AppendUint16(f.fmt, uint16(bits))
	return nil
}

// wav returns a WAV file of these samples.
func (f *File) wav(samples []byte) []byte {
	b := make([]byte, 0, 44+len(samples)+1)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+len(samples)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = append(b, f.fmt...)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(samples)))
	b = append(b, samples...)
	if len(samples)%2 == 1 {
		b = append(b, 0)
	}
	return b
}
