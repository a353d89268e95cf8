// Makes cmyk.jpg, which OpenCV cannot write: 32x16 pixels, left half red ink, right half blue, Adobe's inverted CMYK.
//   g++ make_cmyk_jpeg.cpp -ljpeg -o /tmp/make_cmyk_jpeg && /tmp/make_cmyk_jpeg > cmyk.jpg
#include <cstdio>
// jpeglib.h needs cstdio first
#include <jpeglib.h>

int main() {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_stdio_dest(&jpeg, stdout);
  jpeg.image_width = 32;
  jpeg.image_height = 16;
  jpeg.input_components = 4;
  jpeg.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  JSAMPLE row[32 * 4];
  for (int column = 0; column < 32; ++column) {
    JSAMPLE* ink = row + 4 * column;  // inverted: 255 is no ink
    ink[0] = column < 16 ? 255 : 0;
    ink[1] = 0;
    ink[2] = column < 16 ? 0 : 255;
    ink[3] = 255;
  }
  JSAMPROW rows[] = {row};
  while (jpeg.next_scanline < jpeg.image_height) jpeg_write_scanlines(&jpeg, rows, 1);
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
}
