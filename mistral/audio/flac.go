package audio

import "encoding/binary"

// readFLAC reads the description of the stream, and finds the frames.
func (f *File) readFLAC(data []byte) error {
	const infoSize = 34
	rest := data[4:]
	for last := false; !last; {
		if len(rest) < 4 {
			return refuse("Get the file again.", "the FLAC file ends within its header")
		}
		kind, size := rest[0]&0x7f, int(rest[1])<<16|int(rest[2])<<8|int(rest[3])
		last = rest[0]&0x80 != 0
		if size > len(rest)-4 {
			return refuse("Get the file again.", "the FLAC file ends within its header")
		}
		body := rest[4 : 4+size]
		if (kind == 0) != (f.header == nil) || kind == 0 && size != infoSize {
			return refuse(convert, "the header of the FLAC file is damaged")
		}
		if kind == 0 {
			f.header = append([]byte("fLaC\x80\x00\x00\x22"), body...)
		}
		rest = rest[4+size:]
	}
	info := f.header[8:]
	word := binary.BigEndian.Uint64(info[10:])
	f.Rate, f.Channels = int(word>>44), int(word>>41&7)+1
	bits, claimed := int(word>>36&31)+1, int64(word&(1<<36-1))
	if f.Rate == 0 || bits < 4 {
		return refuse(convert, "the header of the FLAC file is damaged")
	}
	// A piece has another length, and another checksum.
	binary.BigEndian.PutUint64(info[10:], word&^(1<<36-1))
	clear(info[18:])

	begin := -1 // of the frame being read
	var h flacFrame
	for i := 0; i+6 <= len(rest); i++ {
		next, ok := parseFLACFrame(rest[i:])
		if !ok || next.rate != 0 && next.rate != f.Rate || next.channels != f.Channels {
			continue
		}
		if begin >= 0 && !next.follows(h) || begin < 0 && i > 0 {
			continue
		}
		if begin >= 0 {
			f.add(rest[begin:i], h)
		}
		begin, h = i, next
		i += 5
	}
	if begin < 0 {
		return refuse("Get the file again.", "the FLAC file has no sound in it")
	}
	end := rest[begin:]
	if n := len(end) - 128; n > 0 && string(end[n:n+3]) == "TAG" {
		end = end[:n]
	}
	if crc16(end) == 0 {
		f.add(end, h)
	} else if claimed == 0 {
		claimed = f.Samples + h.samples
	}
	if claimed > 0 && f.Samples < claimed {
		return refuse("Get the file again.", "the FLAC file is cut off: it claims %.1f s of sound and has %.1f s",
			float64(claimed)/float64(f.Rate), float64(f.Samples)/float64(f.Rate))
	}
	return nil
}

func (f *File) add(data []byte, h flacFrame) {
	f.parts = append(f.parts, part{data, h.samples})
	f.Samples += h.samples
}

// A flacFrame is the header of a frame.
type flacFrame struct {
	samples  int64
	rate     int    // 0: as the stream says
	channels int    //
	number   uint64 // of the frame, or of its first sample
	variable bool   // number counts samples
}

// follows reports whether a frame comes right after another one.
func (h flacFrame) follows(before flacFrame) bool {
	if h.variable != before.variable {
		return false
	}
	if h.variable {
		return h.number == before.number+uint64(before.samples)
	}
	return h.number == before.number+1
}

// parseFLACFrame reads the header of a frame, and checks its checksum.
func parseFLACFrame(b []byte) (h flacFrame, ok bool) {
	if len(b) < 6 || b[0] != 0xff || b[1]&0xfe != 0xf8 {
		return h, false
	}
	h.variable = b[1]&1 == 1
	size, rate, channels := b[2]>>4, b[2]&15, b[3]>>4
	if size == 0 || rate == 15 || channels > 10 || b[3]&1 == 1 {
		return h, false
	}
	h.channels = int(channels) + 1
	if channels > 7 {
		h.channels = 2
	}
	i := 4
	var n int
	if h.number, n = flacNumber(b[i:]); n == 0 {
		return h, false
	}
	i += n
	read := func(n int) (v int) {
		for range n {
			if i < len(b) {
				v = v<<8 | int(b[i])
			}
			i++
		}
		return v
	}
	switch {
	case size == 1:
		h.samples = 192
	case size <= 5:
		h.samples = 576 << (size - 2)
	case size == 6:
		h.samples = int64(read(1)) + 1
	case size == 7:
		h.samples = int64(read(2)) + 1
	default:
		h.samples = 256 << (size - 8)
	}
	rates := [...]int{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}
	switch {
	case int(rate) < len(rates):
		h.rate = rates[rate]
	case rate == 12:
		h.rate = read(1) * 1000
	case rate == 13:
		h.rate = read(2)
	case rate == 14:
		h.rate = read(2) * 10
	}
	if i >= len(b) || crc8(b[:i]) != b[i] {
		return h, false
	}
	return h, true
}

// flacNumber reads a number in the manner of UTF-8, of up to 36 bits, and how many bytes it
// has; 0 for none.
func flacNumber(b []byte) (v uint64, n int) {
	c := b[0]
	switch {
	case c < 0x80:
		return uint64(c), 1
	case c < 0xc0 || c == 0xff:
		return 0, 0
	}
	n = 1
	for mask := byte(0x40); c&mask != 0; mask >>= 1 {
		n++
	}
	if len(b) < n {
		return 0, 0
	}
	v = uint64(c & (1<<(7-n) - 1))
	if n == 7 {
		v = 0
	}
	for _, c := range b[1:n] {
		if c&0xc0 != 0x80 {
			return 0, 0
		}
		v = v<<6 | uint64(c&0x3f)
	}
	return v, n
}

func crc8(b []byte) (crc byte) {
	for _, c := range b {
		crc ^= c
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// crc16 is 0 for a whole frame, which ends with its checksum.
func crc16(b []byte) (crc uint16) {
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x8005
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
