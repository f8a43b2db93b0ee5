/* calls.c - stands between our programs and each call that calls.def lists. */
#include <curl/curl.h>
#include <czmq.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <lmdb.h>
#include <msgpack.h>
#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/torture/torture.h"

/* Who calls the caller: its frame is one of ours, and has a frame pointer. */
#pragma GCC diagnostic ignored "-Wframe-address"
#define FAILS(name) torture_fails(#name, __builtin_return_address(0), __builtin_return_address(1))

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
#define CALL(name, type, parameters, arguments, failure, error)                                              \
    type __real_##name parameters;                                                                           \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters                                                                            \
    {                                                                                                        \
        if (!FAILS(name))                                                                                    \
            return __real_##name arguments;                                                                  \
        errno = (error) ? (error) : errno;                                                                   \
        return failure;                                                                                      \
    }
#define MORE(name, type, parameters, last, more_type, arguments, failure, error)                             \
    type __real_##name parameters;                                                                           \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters                                                                            \
    {                                                                                                        \
        va_list list;                                                                                        \
        more_type more;                                                                                      \
                                                                                                             \
        va_start(list, last);                                                                                \
        more = va_arg(list, more_type);                                                                      \
        va_end(list);                                                                                        \
        if (!FAILS(name))                                                                                    \
            return __real_##name arguments;                                                                  \
        errno = (error) ? (error) : errno;                                                                   \
        return failure;                                                                                      \
    }
#include "tests/torture/calls.def"
/* NOLINTEND(bugprone-reserved-identifier) */
