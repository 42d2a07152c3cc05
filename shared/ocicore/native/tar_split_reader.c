#include "tar_split_reader.h"

#include <stdlib.h>
#include <string.h>

#include "tar_pax.h"

/* Upstream's longest string is a segment of 1 MiB in base64; old writers put whole trailers into one. */
#define MAX_STRING ((size_t)256 << 20)

static int malformed(struct oci_error *error)
{
  return oci_corrupted(error, NULL, "malformed tar-split line");
}

/* The next character, without taking it; 0 at the end, -1 when reading failed. */
static int peek(struct stream *stream, struct oci_error *error)
{
  const unsigned char *data;
  if (stream->position == stream->end) {
    ssize_t got = stream_take(stream, 1, &data, error);
    if (got <= 0)
      return (int)got;
    stream->position--;
    stream->total--;
  }
  return stream->data[stream->position];
}

static void advance(struct stream *stream)
{
  stream->position++;
  stream->total++;
}

static int skip_space(struct stream *stream, struct oci_error *error)
{
  int c;
  while ((c = peek(stream, error)) == ' ' || c == '\n' || c == '\r' || c == '\t')
    advance(stream);
  return c;
}

static int expect(struct stream *stream, char wanted, struct oci_error *error)
{
  if (skip_space(stream, error) != wanted)
    return malformed(error);
  advance(stream);
  return 0;
}

static int put_utf8(struct buffer *out, uint32_t code)
{
  unsigned char bytes[4];
  size_t length;
  if (code < 0x80) {
    bytes[0] = (unsigned char)code;
    length = 1;
  } else if (code < 0x800) {
    bytes[0] = (unsigned char)(0xc0 | code >> 6);
    bytes[1] = (unsigned char)(0x80 | (code & 63));
    length = 2;
  } else if (code < 0x10000) {
    bytes[0] = (unsigned char)(0xe0 | code >> 12);
    bytes[1] = (unsigned char)(0x80 | (code >> 6 & 63));
    bytes[2] = (unsigned char)(0x80 | (code & 63));
    length = 3;
  } else {
    bytes[0] = (unsigned char)(0xf0 | code >> 18);
    bytes[1] = (unsigned char)(0x80 | (code >> 12 & 63));
    bytes[2] = (unsigned char)(0x80 | (code >> 6 & 63));
    bytes[3] = (unsigned char)(0x80 | (code & 63));
    length = 4;
  }
  return buffer_append(out, bytes, length);
}

static int hex4(struct stream *stream, uint32_t *code, struct oci_error *error)
{
  *code = 0;
  for (int i = 0; i < 4; i++) {
    int c = peek(stream, error);
    uint32_t digit;
    if (c >= '0' && c <= '9')
      digit = (uint32_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = (uint32_t)(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = (uint32_t)(c - 'A' + 10);
    else
      return malformed(error);
    *code = *code << 4 | digit;
    advance(stream);
  }
  return 0;
}

static int unescape(struct stream *stream, struct buffer *out, struct oci_error *error)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  int c = peek(stream, error);
  if (c <= 0)
    return malformed(error);
  advance(stream);
  if (c != 'u') {
    const char *found = strchr(from, c);
    if (found == NULL)
      return malformed(error);
    return buffer_append(out, &to[found - from], 1) < 0 ? oci_fail(error, NULL, "allocating") : 0;
  }
  uint32_t code, low;
  if (hex4(stream, &code, error) < 0)
    return -1;
  if (code >= 0xd800 && code < 0xdc00) {
    if (peek(stream, error) != '\\')
      return malformed(error);
    advance(stream);
    if (peek(stream, error) != 'u')
      return malformed(error);
    advance(stream);
    if (hex4(stream, &low, error) < 0)
      return -1;
    if (low < 0xdc00 || low > 0xdfff)
      return malformed(error);
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  return put_utf8(out, code) < 0 ? oci_fail(error, NULL, "allocating") : 0;
}

static int read_string(struct stream *stream, struct buffer *out, struct oci_error *error)
{
  out->length = 0;
  if (expect(stream, '"', error) < 0)
    return -1;
  for (;;) {
    int c = peek(stream, error);
    if (c <= 0)
      return malformed(error);
    /* Long plain runs, as in payloads, are taken in one go. */
    size_t run = stream->position;
    while (run < stream->end && stream->data[run] != '"' && stream->data[run] != '\\')
      run++;
    size_t length = run - stream->position;
    if (out->length + length > MAX_STRING)
      return oci_limit(error, NULL, "tar-split line of more than 256 MiB");
    if (buffer_append(out, stream->data + stream->position, length) < 0)
      return oci_fail(error, NULL, "allocating");
    stream->position = run;
    stream->total += length;
    if (run == stream->end)
      continue;
    c = stream->data[run];
    advance(stream);
    if (c == '"')
      break;
    if (unescape(stream, out, error) < 0)
      return -1;
  }
  if (buffer_append(out, "", 1) < 0)
    return oci_fail(error, NULL, "allocating");
  out->length--;
  return 0;
}

/* A number or a word such as null. */
static int read_word(struct stream *stream, char *out, size_t space, struct oci_error *error)
{
  size_t length = 0;
  for (;;) {
    int c = peek(stream, error);
    if (c < 0)
      return -1;
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'E'))
      break;
    if (length + 1 >= space)
      return malformed(error);
    out[length++] = (char)c;
    advance(stream);
  }
  out[length] = '\0';
  return length > 0 ? 0 : malformed(error);
}

static int base64_value(unsigned char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* In place: the result is shorter than the text. */
static bool decode_base64(struct buffer *buffer)
{
  if (buffer->length % 4 != 0)
    return false;
  size_t made = 0;
  for (size_t i = 0; i < buffer->length; i += 4) {
    const unsigned char *four = buffer->data + i;
    size_t padding = 0;
    if (i + 4 == buffer->length)
      padding = four[3] != '=' ? 0 : four[2] != '=' ? 1 : 2;
    int a = base64_value(four[0]), b = base64_value(four[1]);
    int c = padding == 2 ? 0 : base64_value(four[2]), d = padding ? 0 : base64_value(four[3]);
    if (a < 0 || b < 0 || c < 0 || d < 0)
      return false;
    uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
    buffer->data[made++] = (unsigned char)(bits >> 16);
    if (padding < 2)
      buffer->data[made++] = (unsigned char)(bits >> 8);
    if (padding < 1)
      buffer->data[made++] = (unsigned char)bits;
  }
  buffer->length = made;
  return true;
}

static int read_value(struct stream *stream, const char *key, struct tar_split_line *line, struct oci_error *error)
{
  char word[32];
  struct buffer ignored = {NULL, 0, 0};
  int c = skip_space(stream, error);
  if (c == '"') {
    bool is_name = strcmp(key, "name") == 0, is_raw = strcmp(key, "name_raw") == 0;
    bool is_payload = strcmp(key, "payload") == 0;
    struct buffer *target = is_name || is_raw ? &line->name : is_payload ? &line->payload : &ignored;
    int result = read_string(stream, target, error);
    if (result == 0 && (is_raw || is_payload) && !decode_base64(target))
      result = malformed(error);
    if (result == 0 && is_raw && (buffer_append(target, "", 1) < 0 || (target->length--, 0)))
      result = oci_fail(error, NULL, "allocating");
    buffer_free(&ignored);
    return result;
  }
  if (read_word(stream, word, sizeof(word), error) < 0)
    return -1;
  int64_t *number = strcmp(key, "type") == 0 ? &line->type : strcmp(key, "size") == 0 ? &line->size : NULL;
  if (number && !parse_decimal(word, strlen(word), number))
    return malformed(error);
  return 0;
}

int tar_split_next(struct stream *stream, struct tar_split_line *line, struct oci_error *error)
{
  struct buffer key = {NULL, 0, 0};
  int result = -1;
  line->type = line->size = 0;
  line->name.length = line->payload.length = 0;
  int c = skip_space(stream, error);
  if (c <= 0)
    return c;
  if (expect(stream, '{', error) < 0)
    return -1;
  for (;;) {
    if (read_string(stream, &key, error) < 0 || expect(stream, ':', error) < 0 ||
        read_value(stream, (const char *)key.data, line, error) < 0)
      goto out;
    c = skip_space(stream, error);
    if (c != ',' && c != '}') {
      malformed(error);
      goto out;
    }
    advance(stream);
    if (c == '}')
      break;
  }
  result = 1;
out:
  buffer_free(&key);
  return result;
}

void tar_split_line_free(struct tar_split_line *line)
{
  buffer_free(&line->name);
  buffer_free(&line->payload);
}
