package audio

import (
	"bytes"
	"encoding/binary"
)

// A frameHeader describes a frame of an MP3 file.
type frameHeader struct {
	rate, channels int
	samples        int64
	size           int // bytes, with the header
	side           int // bytes of the side information after the header
}

var (
	bitratesV1 = [16]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	bitratesV2 = [16]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	ratesV1    = [3]int{44100, 48000, 32000}
)

// parseMP3Header reads the header of a frame of layer III.
func parseMP3Header(b []byte) (h frameHeader, ok bool) {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return h, false
	}
	version, layer := b[1]>>3&3, b[1]>>1&3 // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5; layer 1: III
	bitrate, rate, padding := b[2]>>4, b[2]>>2&3, int(b[2]>>1&1)
	if version == 1 || layer != 1 || bitrate == 0 || bitrate == 15 || rate == 3 || b[3]&3 == 2 {
		return h, false
	}
	h.channels = 2
	if b[3]>>6 == 3 {
		h.channels = 1
	}
	if version == 3 {
		h.rate, h.samples = ratesV1[rate], 1152
		h.size = 144*bitratesV1[bitrate]*1000/h.rate + padding
		h.side = []int{17, 32}[h.channels-1]
	} else {
		h.rate, h.samples = ratesV1[rate]/2, 576
		if version == 0 {
			h.rate /= 2
		}
		h.size = 72*bitratesV2[bitrate]*1000/h.rate + padding
		h.side = []int{9, 17}[h.channels-1]
	}
	return h, true
}

// maxJunk is how many bytes that are not frames an MP3 file may have in a row.
const maxJunk = 1 << 16

// readMP3 finds the frames. Every frame but the last must be followed by another one, so
// that bytes that look like a header by chance are not taken for one.
func (f *File) readMP3(data []byte) error {
	data = withoutID3(data)
	first, junk, claimed := true, 0, int64(0)
	for i := 0; i+4 <= len(data); {
		h, ok := parseMP3Header(data[i:])
		if ok && len(f.parts) > 0 && (h.rate != f.Rate || h.channels != f.Channels) {
			ok = false
		}
		if ok && i+h.size <= len(data) {
			next, follows := parseMP3Header(data[i+h.size:])
			end := len(data)-i-h.size < 4 || bytes.HasPrefix(data[i+h.size:], []byte("TAG")) || bytes.HasPrefix(data[i+h.size:], []byte("APE"))
			ok = end || follows && next.rate == h.rate
			if !ok && len(f.parts) > 0 && junk == 0 {
				ok = true // the last frame before something else
			}
		} else if ok {
			break // the last frame is cut off
		}
		if !ok {
			if junk++; junk > maxJunk {
				break
			}
			i++
			continue
		}
		junk = 0
		f.Rate, f.Channels = h.rate, h.channels
		frame := data[i : i+h.size]
		if !first || !isInfo(frame, h) {
			f.parts = append(f.parts, part{frame, h.samples})
			f.Samples += h.samples
		} else {
			claimed = infoFrames(frame, h)
		}
		first = false
		i += h.size
	}
	if len(f.parts) == 0 {
		return refuse(convert, "it is not a WAV, MP3 or FLAC file")
	}
	// Some programs count the description too, or the frame that ends the file.
	if n := int64(len(f.parts)); claimed > n+2 {
		return refuse("Get the file again.", "the MP3 file is cut off: it claims %d frames and has %d", claimed, n)
	}
	return nil
}

// withoutID3 removes the tags before the frames.
func withoutID3(data []byte) []byte {
	for len(data) >= 10 && string(data[:3]) == "ID3" {
		size := int(data[6]&0x7f)<<21 | int(data[7]&0x7f)<<14 | int(data[8]&0x7f)<<7 | int(data[9]&0x7f)
		data = data[min(10+size, len(data)):]
	}
	return data
}

// isInfo reports whether a frame has a description of the file instead of sound.
func isInfo(frame []byte, h frameHeader) bool {
	at := 4 + h.side
	if len(frame) >= at+4 && (string(frame[at:at+4]) == "Xing" || string(frame[at:at+4]) == "Info") {
		return true
	}
	return len(frame) >= 40 && string(frame[36:40]) == "VBRI"
}

// infoFrames returns how many frames the description claims, 0 if it does not say.
func infoFrames(frame []byte, h frameHeader) int64 {
	at := 4 + h.side
	if len(frame) < at+12 || frame[at+7]&1 == 0 || string(frame[36:40]) == "VBRI" {
		return 0
	}
	return int64(binary.BigEndian.Uint32(frame[at+8:]))
}
