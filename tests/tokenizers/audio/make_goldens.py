"""Prints the golden values of mel_test.cpp from the definitions alone: plain Python, a direct Fourier sum, no library.

    python3 tests/tokenizers/audio/make_goldens.py
"""
import cmath
import math

RATE, HOP, WINDOW, BANDS, LOWEST, HIGHEST, FLOOR = 16000, 160, 512, 80, 0.0, 8000.0, 1e-5


def to_mel(hertz):
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def to_hertz(mel):
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def sample(index):
    """A tone that rises from 300 Hz, with a quieter one at 2,500 Hz."""
    seconds = index / RATE
    return 0.5 * math.sin(2 * math.pi * (300 + 400 * seconds) * seconds) + 0.1 * math.sin(2 * math.pi * 2500 * seconds)


def magnitudes(samples, frame):
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / WINDOW) for n in range(WINDOW)]
    scale = 2.0 / sum(window)
    result = []
    for k in range(WINDOW // 2 + 1):
        total = 0j
        for n in range(WINDOW):
            index = frame * HOP + n - WINDOW // 2
            if 0 <= index < len(samples):
                total += window[n] * samples[index] * cmath.exp(-2j * math.pi * k * n / WINDOW)
        result.append(abs(total) * scale)
    return result


def log_mel(samples, frame):
    found = magnitudes(samples, frame)
    edges = [to_hertz(to_mel(LOWEST) + (to_mel(HIGHEST) - to_mel(LOWEST)) * i / (BANDS + 1)) for i in range(BANDS + 2)]
    values = []
    for band in range(BANDS):
        left, peak, right = edges[band : band + 3]
        total = 0.0
        for k, magnitude in enumerate(found):
            hertz = k * RATE / WINDOW
            total += magnitude * max(0.0, min((hertz - left) / (peak - left), (right - hertz) / (right - peak)))
        values.append(math.log(total + FLOOR))
    return values


def main():
    samples = [sample(index) for index in range(1000)]
    for frame in (0, 3, 6):
        row = log_mel(samples, frame)
        print(frame, ", ".join(f"{{{band}, {row[band]:.5f}}}" for band in (0, 5, 11, 12, 20, 41, 47, 79)))


main()
