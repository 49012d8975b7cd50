/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the program carries: CMakeLists.txt makes a string of each. */
#ifndef SELKIE_SIM_EMBEDDED_H
#define SELKIE_SIM_EMBEDDED_H

extern const char selkie_embedded_template[]; /* scenario/template.json: a scenario with every key */
extern const char selkie_embedded_key_1[], selkie_embedded_key_2[]; /* cloud/N.key.pem */
extern const char selkie_embedded_pub_1[], selkie_embedded_pub_2[];

#endif
