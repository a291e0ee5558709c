package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

const samples = "../../models/convert/testdata/voxtral"

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(samples, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// wavOf makes a WAV file of n samples; size replaces what it claims unless it is -1.
func wavOf(code, channels, rate, bits, n int, size int64) []byte {
	var b bytes.Buffer
	b.WriteString("RIFF....WAVELIST\x03\x00\x00\x00odd\x00fmt \x10\x00\x00\x00")
	align := channels * bits / 8
	for _, v := range []any{uint16(code), uint16(channels), uint32(rate), uint32(rate * align), uint16(align), uint16(bits)} {
		binary.Write(&b, binary.LittleEndian, v)
	}
	b.WriteString("data")
	if size < 0 {
		size = int64(n * align)
	}
	binary.Write(&b, binary.LittleEndian, uint32(size))
	b.Write(make([]byte, n*align))
	return b.Bytes()
}

func TestRead(t *testing.T) {
	mp3 := sample(t, "tone.mp3")
	for _, c := range []struct {
		name     string
		data     []byte
		format   Format
		rate     int
		channels int
		samples  int64 // within 5 %
	}{
		{"16 bits", wavOf(1, 1, 16000, 16, 16000, -1), WAV, 16000, 1, 16000},
		{"8 bits, stereo", wavOf(1, 2, 8000, 8, 100, -1), WAV, 8000, 2, 100},
		{"24 bits", wavOf(1, 1, 44100, 24, 100, -1), WAV, 44100, 1, 100},
		{"float", wavOf(3, 2, 48000, 32, 100, -1), WAV, 48000, 2, 100},
		{"A-law", wavOf(6, 1, 8000, 8, 100, -1), WAV, 8000, 1, 100},
		{"from a pipe", wavOf(1, 1, 16000, 16, 100, math.MaxUint32), WAV, 16000, 1, 100},
		{"from another pipe", wavOf(1, 1, 16000, 16, 100, 0), WAV, 16000, 1, 100},
		{"FLAC", sample(t, "tone.flac"), FLAC, 16000, 1, 16000},
		{"FLAC, stereo", sample(t, "stereo.flac"), FLAC, 44100, 2, 4000},
		{"MP3", mp3, MP3, 16000, 1, 17280},
		{"MP3 with tags", append(append([]byte("ID3\x04\x00\x00\x00\x00\x01\x00"), make([]byte, 128)...), append(mp3, []byte("TAG"+strings.Repeat("x", 125))...)...), MP3, 16000, 1, 17280},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Read(c.data)
			if err != nil {
				t.Fatal(err)
			}
			if f.Format != c.format || f.Rate != c.rate || f.Channels != c.channels || math.Abs(float64(f.Samples-c.samples)) > 0.05*float64(c.samples) {
				t.Errorf("got %s, %d Hz, %d channels, %d samples", f.Format, f.Rate, f.Channels, f.Samples)
			}
			again, err := Read(f.Bytes())
			if err != nil || again.Samples != f.Samples || again.Rate != f.Rate || again.Channels != f.Channels {
				t.Errorf("what is left of it reads as %+v, %v", again, err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	flac, mp3 := sample(t, "tone.flac"), sample(t, "tone.mp3")
	wav := wavOf(1, 1, 16000, 16, 1000, -1)
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"empty", nil, "it is empty"},
		{"text", []byte("hello, this is a text"), "not a WAV, MP3 or FLAC file"},
		{"OGG", []byte("OggS\x00\x02........................"), "not a WAV, MP3 or FLAC file"},
		{"no sound", wavOf(1, 1, 16000, 16, 0, -1), "no sound"},
		{"lying", wavOf(1, 1, 16000, 16, 100, 1<<20), "cut off: it claims"},
		{"truncated header", wav[:30], "WAV file"},
		{"truncated", wav[:len(wav)-500], "cut off"},
		{"twelve bits", wavOf(1, 1, 16000, 12, 100, -1), "code 1 with 12 bits"},
		{"ADPCM", wavOf(2, 1, 16000, 4, 100, -1), "code 2"},
		{"nine channels", wavOf(1, 9, 16000, 16, 100, -1), "9 channels"},
		{"no channels", wavOf(1, 0, 16000, 16, 100, -1), "0 channels"},
		{"slow", wavOf(1, 1, 4000, 16, 100, -1), "4000 Hz"},
		{"fast", wavOf(1, 1, 1<<20, 16, 100, -1), "1048576 Hz"},
		{"truncated FLAC", flac[:len(flac)/2], "cut off"},
		{"FLAC without its end", flac[:len(flac)-10], "cut off"},
		{"FLAC header", flac[:20], "ends within its header"},
		{"FLAC without frames", flac[:42], ""},
		{"truncated MP3", mp3[:len(mp3)/2], "cut off"},
		{"MP3 tag", []byte("ID3\x04\x00\x00\x00\x00\x01\x00 and nothing else"), "not a WAV, MP3 or FLAC file"},
	} {
		f, err := Read(c.data)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %+v, %v, want %q", c.name, f, err, c.says)
		}
	}
	if _, err := Decode("data:audio/wav;base64,%%%"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("got %v", err)
	}
	long := &File{Format: WAV, Rate: 16000, Channels: 1, Samples: 41 * 60 * 16000}
	if err := long.CheckLength(); err == nil || !strings.Contains(err.Error(), "40 minutes") {
		t.Errorf("got %v", err)
	}
}

func TestWindows(t *testing.T) {
	for _, c := range []struct{ samples, rate, want int }{
		{1, 16000, 1}, {Window, 16000, 1}, {Window + 1, 16000, 2}, {30 * 44100, 44100, 1}, {30*44100 + 3, 44100, 2}, {90 * 8000, 8000, 3},
	} {
		f := &File{Rate: c.rate, Samples: int64(c.samples)}
		if got := f.Windows(); got != c.want {
			t.Errorf("%d samples at %d Hz: got %d windows, want %d", c.samples, c.rate, got, c.want)
		}
	}
}

// TestPieces checks that pieces are whole files of at most one window, without gaps.
func TestPieces(t *testing.T) {
	grow := func(name string, times int) []byte {
		f, err := Read(sample(t, name))
		if err != nil {
			t.Fatal(err)
		}
		var all []part
		for range times {
			all = append(all, f.parts...)
		}
		return f.join(all)
	}
	for name, data := range map[string][]byte{
		"WAV": wavOf(1, 2, 22050, 16, 70*22050, -1),
		"MP3": grow("tone.mp3", 70),
	} {
		f, err := Read(data)
		if err != nil {
			t.Fatal(name, err)
		}
		var end time.Duration
		n := 0
		for p := range f.Pieces() {
			piece, err := Read(p.Data)
			if err != nil {
				t.Fatalf("%s: piece %d: %v", name, n, err)
			}
			if p.From != end || p.To <= p.From || piece.Windows() != 1 || piece.Length() < p.To-p.From-time.Millisecond {
				t.Errorf("%s: piece %d is from %v to %v, has %v and begins after %v", name, n, p.From, p.To, piece.Length(), end)
			}
			end = p.To
			n++
		}
		if end != f.Length() || n < 3 {
			t.Errorf("%s: %d pieces end at %v of %v", name, n, end, f.Length())
		}
	}
}

// TestResample compares with a sine that is known at every rate.
func TestResample(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 22050, 44100, 48000, 96000} {
		const hz = 440
		sine := func(rate, i int) float64 { return 0.5 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)) }
		r := NewResampler(rate, 2*Rate)
		block := make([]float32, rate/7+1)
		for i := 0; i < rate; i += len(block) {
			for k := range block {
				block[k] = float32(sine(rate, i+k))
			}
			r.Add(block[:min(len(block), rate-i)])
		}
		got := r.Samples()
		if len(got) != Rate {
			t.Errorf("%d Hz: got %d samples", rate, len(got))
		}
		for i := 1000; i < len(got)-1000; i++ {
			if d := math.Abs(float64(got[i]) - sine(Rate, i)); d > 1e-3 {
				t.Fatalf("%d Hz: sample %d is off by %g", rate, i, d)
			}
		}
	}
}

// TestMel checks the spectrogram of a sine: the loudest bin is that of its frequency. The
// test of the whole encoder compares with the reference.
func TestMel(t *testing.T) {
	sine := make([]float32, Window+Rate)
	for i := range sine {
		sine[i] = float32(math.Sin(2 * math.Pi * 1000 * float64(i) / Rate))
	}
	mel, err := Mel(t.Context(), sine, 128, 2)
	if err != nil || len(mel) != 2 || len(mel[0]) != 128*3000 {
		t.Fatal(len(mel), err)
	}
	loudest := 0
	for b := range 128 {
		if mel[0][b*3000+1500] > mel[0][loudest*3000+1500] {
			loudest = b
		}
	}
	// 1,000 Hz are mel 15 of 45.
	if loudest < 40 || loudest > 44 {
		t.Errorf("the loudest bin is %d", loudest)
	}
	if v := mel[1][loudest*3000+2000]; v != mel[1][2000] {
		t.Errorf("silence has the value %g", v)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"tone.mp3", "tone.flac", "stereo.flac"} {
		f.Add(sample(f, name)[:4000])
	}
	f.Add(wavOf(1, 2, 16000, 16, 50, -1))
	f.Add(wavOf(0xfffe, 1, 16000, 24, 50, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Read(data)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got an error of kind %v: %v", fault.KindOf(err), err)
			}
			return
		}
		if file.Samples <= 0 || file.Windows() < 1 || file.Length() < 0 {
			t.Fatalf("got %+v", file)
		}
		again, err := Read(file.Bytes())
		if err != nil || again.Samples != file.Samples {
			t.Fatalf("what is left reads as %+v, %v", again, err)
		}
		end := time.Duration(0)
		for p := range file.Pieces() {
			if p.From != end || p.To <= p.From {
				t.Fatalf("a piece is from %v to %v, after %v", p.From, p.To, end)
			}
			if _, err := Read(p.Data); err != nil {
				t.Fatalf("the piece from %v: %v", p.From, err)
			}
			end = p.To
		}
		if end != file.Length() {
			t.Fatalf("the pieces end at %v of %v", end, file.Length())
		}
	})
}
