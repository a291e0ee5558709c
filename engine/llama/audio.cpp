//go:build cgo

// Decoding of audio files. mtmd has a decoder too, which keeps its functions to itself and
// trusts the length that a file claims.

#include "bridge.h"

#include <cstring>
#include <new>

#define MINIAUDIO_IMPLEMENTATION
#define ma_atomic_global_lock bise_ma_atomic_global_lock // the only symbol that mtmd's copy has too
#define MA_NO_ENCODING
#define MA_NO_DEVICE_IO
#define MA_NO_RESOURCE_MANAGER
#define MA_NO_NODE_GRAPH
#define MA_NO_ENGINE
#define MA_NO_GENERATION
#define MA_API static
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include "miniaudio/miniaudio.h"

struct bise_sound {
	ma_decoder decoder;
};

bise_sound * bise_sound_open(const void * data, size_t size, int format, int * rate) {
	auto * s = new (std::nothrow) bise_sound;
	if (!s) {
		return nullptr;
	}
	ma_decoder_config config = ma_decoder_config_init(ma_format_f32, 1, 0);
	config.encodingFormat    = format == 0 ? ma_encoding_format_wav : format == 1 ? ma_encoding_format_mp3 : ma_encoding_format_flac;
	if (ma_decoder_init_memory(data, size, &config, &s->decoder) != MA_SUCCESS) {
		delete s;
		return nullptr;
	}
	*rate = (int) s->decoder.outputSampleRate;
	return s;
}

int bise_sound_read(bise_sound * s, float * samples, int n) {
	ma_uint64 got = 0;
	ma_decoder_read_pcm_frames(&s->decoder, samples, (ma_uint64) n, &got);
	return (int) got;
}

void bise_sound_close(bise_sound * s) {
	ma_decoder_uninit(&s->decoder);
	delete s;
}
