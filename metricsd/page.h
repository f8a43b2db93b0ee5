/* page.h - the files of metricsd/page/, turned into C by the build (embed.cmake), so that the program is
 * whole. */
#ifndef SLUICE_METRICSD_PAGE_H
#define SLUICE_METRICSD_PAGE_H

#include "common/text.h"

struct page_file {
    const char *name; /* as in metricsd/page/; NULL ends the list */
    struct text content;
};

extern const struct page_file page_files[];

#endif
