/* page.h - which web pages may use /control/: those that this host serves to its own browsers. Pure. */
#ifndef SIMULATOR_PAGE_H
#define SIMULATOR_PAGE_H

#include "common/text.h"

#define PAGE_FIELDS_BYTES 320

/* Whether an Origin is of this host: http or https, localhost, 127.0.0.1 or [::1], any port. */
bool page_is_local(struct text origin);

/* The fields of an answer that such a page may read (the Fetch standard of WHATWG); preflight: that it is
 * asked before, too. "" without an Origin. */
void page_fields(struct text origin, bool preflight, char fields[PAGE_FIELDS_BYTES]);

#endif
