#include "crc64.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0xD800000000000000ULL /* reversed */
#define SLICES 16

static uint64_t table[SLICES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
  for (unsigned int i = 0; i < 256; i++) {
    uint64_t crc = i;
    for (int bit = 0; bit < 8; bit++)
      crc = (crc & 1) ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    table[0][i] = crc;
  }
  for (unsigned int i = 0; i < 256; i++)
    for (int slice = 1; slice < SLICES; slice++) {
      uint64_t crc = table[slice - 1][i];
      table[slice][i] = table[0][crc & 0xff] ^ (crc >> 8);
    }
}

static uint64_t load_little_endian(const unsigned char *bytes)
{
  uint64_t word;
  memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

uint64_t crc64_iso(uint64_t crc, const void *data, size_t length)
{
  const unsigned char *bytes = data;
  pthread_once(&once, fill_table);
  crc = ~crc;
  while (length >= 16) {
    uint64_t a = crc ^ load_little_endian(bytes);
    uint64_t b = load_little_endian(bytes + 8);
    crc = table[15][a & 0xff] ^ table[14][(a >> 8) & 0xff] ^ table[13][(a >> 16) & 0xff] ^
          table[12][(a >> 24) & 0xff] ^ table[11][(a >> 32) & 0xff] ^ table[10][(a >> 40) & 0xff] ^
          table[9][(a >> 48) & 0xff] ^ table[8][a >> 56] ^ table[7][b & 0xff] ^ table[6][(b >> 8) & 0xff] ^
          table[5][(b >> 16) & 0xff] ^ table[4][(b >> 24) & 0xff] ^ table[3][(b >> 32) & 0xff] ^
          table[2][(b >> 40) & 0xff] ^ table[1][(b >> 48) & 0xff] ^ table[0][b >> 56];
    bytes += 16;
    length -= 16;
  }
  while (length-- > 0)
    crc = table[0][(crc ^ *bytes++) & 0xff] ^ (crc >> 8);
  return ~crc;
}
