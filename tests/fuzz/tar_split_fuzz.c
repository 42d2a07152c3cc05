/* libFuzzer target: any bytes as tar-split lines, as they come from a store that somebody else wrote. */
#include <stdlib.h>

#include "tar_split_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct stream stream;
  struct tar_split_line line = {0};
  struct oci_error error = {0};
  int more;
  stream_from_memory(&stream, data, size);
  while ((more = tar_split_next(&stream, &line, &error)) > 0)
    if (line.name.length > 0 && line.name.data[line.name.length] != '\0')
      abort();
  if (more < 0 && error.kind == OCI_OK)
    abort();
  tar_split_line_free(&line);
  return 0;
}
