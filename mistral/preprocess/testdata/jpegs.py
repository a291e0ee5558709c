"""Makes small JPEGs and what libjpeg decodes them to: NAME.jpg and NAME.rgb (3 bytes a pixel, row by row).

Needs Pillow, which decodes with libjpeg-turbo's default settings as Mistral's reference does.
"""
import math
from PIL import Image

W, H = 37, 29
img = Image.new("RGB", (W, H))
for y in range(H):
    for x in range(W):
        img.putpixel((x, y), (x * 7 % 256, int(127 + 127 * math.sin(x * y / 9)), 255 if (x // 5 + y // 3) % 2 else 20))
for name, how in {
    "444": dict(subsampling=0), "422": dict(subsampling=1), "420": dict(subsampling=2),
    "progressive": dict(subsampling=2, progressive=True), "coarse": dict(subsampling=2, quality=10), "grey": None,
}.items():
    (img.convert("L") if how is None else img).save(f"{name}.jpg", **(how or {}))
    open(f"{name}.rgb", "wb").write(Image.open(f"{name}.jpg").convert("RGB").tobytes())
