#include "tar_split.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stream.h"

#define FLUSH_AT ((size_t)256 * 1024)
/* Upstream writes what follows the archive in pieces of 1 MiB. */
#define SEGMENT_MAX ((size_t)1 << 20)

void tar_split_init(struct tar_split *split, int fd)
{
  memset(split, 0, sizeof(*split));
  split->fd = fd;
}

void tar_split_free(struct tar_split *split)
{
  buffer_free(&split->out);
  key_set_free(&split->names);
}

static int no_memory(struct oci_error *error)
{
  return oci_fail(error, NULL, "allocating tar-split line");
}

static int put(struct tar_split *split, const char *text)
{
  return buffer_append(&split->out, text, strlen(text));
}

static int put_base64(struct buffer *out, const unsigned char *data, size_t length)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (buffer_reserve(out, (length + 2) / 3 * 4) < 0)
    return -1;
  unsigned char *to = out->data + out->length;
  size_t i = 0;
  for (; i + 3 <= length; i += 3) {
    uint32_t bits = (uint32_t)data[i] << 16 | (uint32_t)data[i + 1] << 8 | data[i + 2];
    *to++ = (unsigned char)digits[bits >> 18];
    *to++ = (unsigned char)digits[bits >> 12 & 63];
    *to++ = (unsigned char)digits[bits >> 6 & 63];
    *to++ = (unsigned char)digits[bits & 63];
  }
  if (i < length) {
    uint32_t bits = (uint32_t)data[i] << 16 | (i + 1 < length ? (uint32_t)data[i + 1] << 8 : 0);
    *to++ = (unsigned char)digits[bits >> 18];
    *to++ = (unsigned char)digits[bits >> 12 & 63];
    *to++ = i + 1 < length ? (unsigned char)digits[bits >> 6 & 63] : '=';
    *to++ = '=';
  }
  out->length = (size_t)(to - out->data);
  return 0;
}

/* Length of the valid UTF-8 sequence at `text`, 0 when there is none: no overlong forms, no surrogates. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
  unsigned char first = text[0];
  if (first < 0x80)
    return 1;
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || left < length)
    return 0;
  unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (text[1] < low || text[1] > high)
    return 0;
  for (size_t i = 2; i < length; i++)
    if ((text[i] & 0xc0) != 0x80)
      return 0;
  return length;
}

static bool is_utf8(const unsigned char *text, size_t length)
{
  while (length > 0) {
    size_t one = utf8_length(text, length);
    if (one == 0)
      return false;
    text += one;
    length -= one;
  }
  return true;
}

/* As Go's encoding/json writes a string: <, > and & and the two line separators are escaped as well. */
static int put_json_string(struct buffer *out, const unsigned char *text, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    unsigned char c = text[i];
    char escaped[8];
    if (c == '"' || c == '\\') {
      escaped[0] = '\\';
      escaped[1] = (char)c;
      escaped[2] = '\0';
    } else if (c == '\n' || c == '\r' || c == '\t') {
      snprintf(escaped, sizeof(escaped), "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
      snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned int)c);
    } else if (c == 0xe2 && i + 2 < length && text[i + 1] == 0x80 && (text[i + 2] & 0xfe) == 0xa8) {
      snprintf(escaped, sizeof(escaped), "\\u202%c", text[i + 2] == 0xa8 ? '8' : '9');
      i += 2;
    } else {
      if (buffer_append(out, &c, 1) < 0)
        return -1;
      continue;
    }
    if (buffer_append(out, escaped, strlen(escaped)) < 0)
      return -1;
  }
  return 0;
}

static int end_line(struct tar_split *split, struct oci_error *error)
{
  char text[48];
  snprintf(text, sizeof(text), ",\"position\":%" PRIu64 "}\n", split->position++);
  if (put(split, text) < 0)
    return no_memory(error);
  return split->out.length >= FLUSH_AT ? tar_split_flush(split, error) : 0;
}

int tar_split_segment(struct tar_split *split, struct buffer *raw, struct oci_error *error)
{
  for (size_t at = 0; at < raw->length; at += SEGMENT_MAX) {
    size_t piece = raw->length - at < SEGMENT_MAX ? raw->length - at : SEGMENT_MAX;
    if (put(split, "{\"type\":2,\"payload\":\"") < 0 || put_base64(&split->out, raw->data + at, piece) < 0 ||
        put(split, "\"") < 0)
      return no_memory(error);
    if (end_line(split, error) < 0)
      return -1;
  }
  raw->length = 0;
  return 0;
}

int tar_split_file(struct tar_split *split, const struct buffer *name, const char *cleaned, int64_t size,
                   uint64_t crc, struct oci_error *error)
{
  int added = key_set_add(&split->names, key_of(cleaned, strlen(cleaned)));
  if (added < 0)
    return no_memory(error);
  if (added == 0)
    return oci_corrupted(error, cleaned, "the archive has this name twice");
  if (put(split, "{\"type\":1") < 0)
    return no_memory(error);
  if (name->length > 0) {
    bool text = is_utf8(name->data, name->length);
    if (put(split, text ? ",\"name\":\"" : ",\"name_raw\":\"") < 0 ||
        (text ? put_json_string(&split->out, name->data, name->length)
              : put_base64(&split->out, name->data, name->length)) < 0 ||
        put(split, "\"") < 0)
      return no_memory(error);
  }
  if (size > 0) {
    unsigned char sum[8];
    char number[40];
    for (int i = 0; i < 8; i++)
      sum[i] = (unsigned char)(crc >> (56 - 8 * i));
    snprintf(number, sizeof(number), ",\"size\":%" PRId64 ",\"payload\":\"", size);
    if (put(split, number) < 0 || put_base64(&split->out, sum, sizeof(sum)) < 0 || put(split, "\"") < 0)
      return no_memory(error);
  } else if (put(split, ",\"payload\":null") < 0) {
    return no_memory(error);
  }
  return end_line(split, error);
}

int tar_split_flush(struct tar_split *split, struct oci_error *error)
{
  if (write_all(split->fd, split->out.data, split->out.length) < 0)
    return oci_fail(error, NULL, "writing tar-split");
  split->out.length = 0;
  return 0;
}
