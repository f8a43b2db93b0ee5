/* protocol.c - see protocol.h. */
#include "tests/support/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

char *protocol_text(void)
{
    static char content[1 << 16];
    FILE *file = fopen(SLUICE_SOURCE_DIR "/common/PROTOCOL.md", "r");
    size_t bytes;

    assert_non_null(file);
    bytes = fread(content, 1, sizeof(content) - 1, file);
    fclose(file);
    assert_in_range(bytes, 1, sizeof(content) - 2);
    content[bytes] = '\0';
    return content;
}
