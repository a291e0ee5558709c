// Package audio reads the structure of audio files: their format, their length, and where
// they can be cut. It decodes nothing. The engine decodes what this package has checked.
//
// A [File] holds only what a decoder needs. Tags, pictures, seek tables and everything else
// in a file are dropped, and the length is counted from the audio itself: what a header
// claims is compared with it.
package audio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// Limits of audio.
const (
	// Rate is the sample rate of the models, in Hz.
	Rate = 16000
	// Window is the length of audio that the encoder takes at once, in samples of [Rate].
	// Audio is padded with silence to whole windows.
	Window = 30 * Rate
	// MaxLength is the longest audio in a message.
	MaxLength = 40 * time.Minute
	// MaxFile is the largest audio file, in bytes.
	MaxFile = 1 << 30

	minRate, maxRate = 8000, 192000 // Hz
	maxChannels      = 8
)

// A Format is a format of audio files.
type Format string

// The formats that can be read.
const (
	WAV  Format = "WAV"
	MP3  Format = "MP3"
	FLAC Format = "FLAC"
)

// Sniff returns the format of a file by its first bytes, or "" if it is not audio that can be
// read. A text is never audio.
func Sniff(data []byte) Format {
	switch {
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WAVE":
		return WAV
	case bytes.HasPrefix(data, []byte("fLaC")):
		return FLAC
	case bytes.HasPrefix(data, []byte("ID3")) && len(data) >= 10 && data[3] < 0xff && data[4] < 0xff:
		return MP3
	case len(data) >= 4:
		if _, ok := parseMP3Header(data); ok {
			return MP3
		}
	}
	return ""
}

// A File is an audio file whose structure was checked.
type File struct {
	Format   Format
	Rate     int // samples in a second, of each channel
	Channels int
	Samples  int64 // of each channel

	header []byte // before the parts, for FLAC
	data   []byte // the audio of a WAV file
	sample int    // bytes of a sample of all channels, in a WAV file
	fmt    []byte // the "fmt " chunk of a WAV file
	parts  []part // of MP3 and FLAC
}

// A part is a frame of a compressed file, which is decoded as a whole.
type part struct {
	data    []byte
	samples int64
}

// lead is how many frames of an MP3 file are needed before the first one whose samples are
// right: frames refer to the bits of earlier ones.
const lead = 4

// Read reads a file. The errors are of type [*fault.Error]; they have no name of the file.
func Read(data []byte) (*File, error) {
	if len(data) > MaxFile {
		return nil, refuse("Split it.", "it is larger than %s", units.Size(MaxFile))
	}
	if len(data) == 0 {
		return nil, refuse("", "it is empty")
	}
	f := &File{Format: Sniff(data)}
	var err error
	switch f.Format {
	case WAV:
		err = f.readWAV(data)
	case MP3:
		err = f.readMP3(data)
	case FLAC:
		err = f.readFLAC(data)
	default:
		return nil, refuse(convert, "it is not a WAV, MP3 or FLAC file")
	}
	switch {
	case err != nil:
		return nil, err
	case f.Rate < minRate || f.Rate > maxRate:
		return nil, refuse(convert, "its sample rate is %d Hz, and %d to %d are possible", f.Rate, minRate, maxRate)
	case f.Channels < 1 || f.Channels > maxChannels:
		return nil, refuse(convert, "it has %d channels, and 1 to %d are possible", f.Channels, maxChannels)
	case f.Samples == 0:
		return nil, refuse("", "it has no sound in it")
	}
	return f, nil
}

const convert = "Convert it: ffmpeg -i FILE -ar 16000 -ac 1 out.wav"

func refuse(advice, format string, args ...any) *fault.Error {
	e := fault.Errorf(fault.Invalid, format, args...)
	e.Advice, e.Param = advice, "audio"
	return e
}

// Length returns how long the audio lasts.
func (f *File) Length() time.Duration { return f.length(f.Samples) }

func (f *File) length(samples int64) time.Duration {
	return time.Duration(float64(samples) / float64(f.Rate) * float64(time.Second))
}

// Windows returns how many windows of the encoder the audio takes, at least one.
func (f *File) Windows() int {
	// Rounded as a resampler rounds.
	n := (f.Samples*Rate + int64(f.Rate)/2) / int64(f.Rate)
	return int(max(1, (n+Window-1)/Window))
}

// CheckLength returns an error if the audio is longer than a message may have.
func (f *File) CheckLength() error {
	if f.Length() > MaxLength {
		return refuse("Use `bise transcribe`, which takes long files in parts, or split it.",
			"it lasts %s, and the limit is %d minutes", units.Duration(f.Length()), int(MaxLength.Minutes()))
	}
	return nil
}

// Bytes returns a file with the audio and nothing else.
func (f *File) Bytes() []byte {
	if f.Format == WAV {
		return f.wav(f.data)
	}
	return f.join(f.parts)
}

func (f *File) join(parts []part) []byte {
	n := len(f.header)
	for _, p := range parts {
		n += len(p.data)
	}
	out := append(make([]byte, 0, n), f.header...)
	for _, p := range parts {
		out = append(out, p.data...)
	}
	return out
}

// A Piece is a part of a file that can be decoded alone.
type Piece struct {
	From, To time.Duration // in the file; a piece begins where the one before it ends
	Data     []byte        // a file in the same format
}

// Pieces cuts a file into pieces of at most one window of the encoder each. They are made
// one after the other.
func (f *File) Pieces() iter.Seq[Piece] {
	limit := int64(Window) * int64(f.Rate) / Rate
	return func(yield func(Piece) bool) {
		if f.Format == WAV {
			for from := int64(0); from < f.Samples; from += limit {
				to := min(from+limit, f.Samples)
				if !yield(Piece{f.length(from), f.length(to), f.wav(f.data[from*int64(f.sample) : to*int64(f.sample)])}) {
					return
				}
			}
			return
		}
		at := int64(0) // samples before parts[i]
		for i := 0; i < len(f.parts); {
			begin := i
			if f.Format == MP3 {
				begin = max(0, i-lead)
			}
			n, before := int64(0), int64(0)
			for _, p := range f.parts[begin:i] {
				before += p.samples
			}
			end := i
			for end < len(f.parts) && (end == i || before+n+f.parts[end].samples <= limit) {
				n += f.parts[end].samples
				end++
			}
			if !yield(Piece{f.length(at), f.length(at + n), f.join(f.parts[begin:end])}) {
				return
			}
			at += n
			i = end
		}
	}
}

// DataURL returns a file as a data: URL.
func DataURL(format Format, data []byte) string {
	return "data:" + map[Format]string{WAV: "audio/wav", MP3: "audio/mpeg", FLAC: "audio/flac"}[format] +
		";base64," + base64.StdEncoding.EncodeToString(data)
}

// Decode returns the bytes of a data: URL.
func Decode(url string) ([]byte, error) {
	head, body, ok := strings.Cut(url, ",")
	if !ok || !strings.HasPrefix(head, "data:") || !strings.HasSuffix(head, ";base64") {
		return nil, refuse("", "audio must be a data: URL in base64")
	}
	if len(body) > MaxFile/3*4 {
		return nil, refuse("Split it.", "the audio is larger than %s", units.Size(MaxFile))
	}
	data, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		if data, err = base64.RawStdEncoding.DecodeString(body); err != nil {
			return nil, refuse("", "the audio is not valid base64")
		}
	}
	return data, nil
}

// Open reads the audio of a message, a data: URL. Errors say "the audio".
func Open(url string) (*File, error) {
	data, err := Decode(url)
	if err != nil {
		return nil, err
	}
	f, err := Read(data)
	if err == nil {
		err = f.CheckLength()
	}
	if err != nil {
		if e, ok := errors.AsType[*fault.Error](err); ok {
			named := *e
			named.Msg = fmt.Sprintf("cannot use the audio: %s", e.Msg)
			return nil, &named
		}
		return nil, err
	}
	return f, nil
}
