/* page.h - the files that the build makes of metricsd/dashboard/, turned into C (embed.cmake), so that the
 * program is whole. */
#ifndef SLUICE_METRICSD_PAGE_H
#define SLUICE_METRICSD_PAGE_H

#include "common/text.h"

struct page_file {
    const char *name; /* "index.html"; NULL ends the list */
    struct text content;
};

extern const struct page_file page_files[];

#endif
