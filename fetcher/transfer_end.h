/* transfer_end.h - what libcurl's error codes say about how a transfer ended. Reads no clock and changes
 * nothing. */
#ifndef SLUICE_TRANSFER_END_H
#define SLUICE_TRANSFER_END_H

#include <curl/curl.h>

#include "fetcher/upstream.h"

/* Nothing had been written. resolved: there was an address; error: errno of the connection, or 0. */
enum upstream_end transfer_end_unsent(CURLcode code, bool resolved, int error);

/* How far an answer had come. */
enum transfer_part { PART_NOTHING, PART_LINE, PART_HEAD };

/* The request had been written. detail is the text that libcurl has left beside the code. */
enum upstream_end transfer_end_sent(CURLcode code, enum transfer_part part, const char *detail);

#endif
