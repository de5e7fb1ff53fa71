"""Takes small pictures of pages: PNGs of sixteen colours, chosen in the browser's own canvas."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from tests.browser.chromium import Browser

# The most frequent colours that differ enough from one another; every other pixel gets the nearest.
_QUANTIZE = """
const [png, done] = arguments;
(async () => {
  const image = await createImageBitmap(new Blob([Uint8Array.from(atob(png), (c) => c.charCodeAt(0))]));
  const {width, height} = image, context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const data = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer), counts = new Map();
  for (const one of data) counts.set(one, (counts.get(one) || 0) + 1);
  const parts = (one) => [one & 255, one >> 8 & 255, one >> 16 & 255];
  const distance = (a, b) => parts(a).reduce((sum, each, n) => sum + (each - parts(b)[n]) ** 2, 0);
  const frequent = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const palette = frequent.slice(0, 10);  // grounds, which may differ by little
  for (const apart of [400, 40])
    for (const one of frequent)
      if (palette.length < 16 && palette.every((other) => distance(one, other) > apart)) palette.push(one);
  const nearest = new Map(frequent.map((one) =>
    [one, palette.reduce((best, other, n) => distance(one, other) < distance(one, palette[best]) ? n : best, 0)]));
  let pixels = "";
  for (const one of data) pixels += String.fromCharCode(nearest.get(one));
  done([width, height, palette.map(parts), btoa(pixels)]);
})().catch((error) => done(String(error)));
"""


def small_png(browser: Browser) -> bytes:
    """Return a picture of what the browser shows. Replaces the page by an empty one."""
    shown = browser.driver.get_screenshot_as_base64()
    browser.driver.get("about:blank")  # the pages' own policy would refuse the picture
    found: Any = browser.driver.execute_async_script(_QUANTIZE, shown)
    width, height, palette, pixels = found
    indexes = base64.b64decode(pixels)
    rows = (indexes[start : start + width] for start in range(0, width * height, width))
    packed = b"".join(b"\0" + bytes(a << 4 | b for a, b in zip(row[::2], row[1::2], strict=True)) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)),
            (b"PLTE", bytes(part for colour in palette for part in colour)),
            (b"IDAT", zlib.compress(packed, 9)),
            (b"IEND", b""),
        )
    )
