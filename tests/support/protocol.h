/* protocol.h - common/PROTOCOL.md, for tests that hold it against the tables that the programs use. */
#ifndef TESTS_PROTOCOL_H
#define TESTS_PROTOCOL_H

/* The whole document, which may be changed; borrowed till the next call. Fails the test when it cannot be
 * read. */
char *protocol_text(void);

#endif
