/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into Mosquitto before glibc when the plugin is built with ThreadSanitizer. A bridge looks its address up by
 * getaddrinfo_a, which starts a thread within glibc that ThreadSanitizer does not see start: its first allocation
 * crashes. This one looks up at once; gai_error and all else are glibc's. */
#define _GNU_SOURCE
#include <netdb.h>

__attribute__((visibility("default"))) int getaddrinfo_a(int mode, struct gaicb *list[], int count,
                                                         struct sigevent *notify)
{
    (void)mode;
    (void)notify; /* Mosquitto asks gai_error instead */
    for (int i = 0; i < count; i++)
        list[i]->__return =
            getaddrinfo(list[i]->ar_name, list[i]->ar_service, list[i]->ar_request, &list[i]->ar_result);
    return 0;
}
