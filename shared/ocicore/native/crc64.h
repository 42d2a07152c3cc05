/* CRC-64/ISO as Go's hash/crc64 computes it: the checksum of file contents in tar-split. */
#ifndef OCI_CRC64_H
#define OCI_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* Start with 0; feed the result back in to go on. */
uint64_t crc64_iso(uint64_t crc, const void *data, size_t length);

#endif
